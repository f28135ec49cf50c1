# SPDX-License-Identifier: MIT
# make            builds the C core for every Lua whose headers are installed, into build/<version>/
# make env        prints what a shell needs to run Lua on this tree; LUA_VERSION=5.4|5.3|5.2|5.1|jit
# make demo       installs what is missing, builds, and runs examples/demo.lua; STAY=1 leaves the
#                 local service's page open
# make test       the same for every test; ONLY=word LUA_VERSION=5.3 JOBS=2 narrow it
# make bench      measures; ONLY=word narrows it
# make lint       luacheck, clang-format, cppcheck, house_spec
# make pages      writes docs/reference.md and library/ from the dialects
# make dist, deb  the last commit as a tarball; as a Debian package, looked at by lintian
# make syntax     compiles every C file to nowhere: CC=clang
# make clean, install, uninstall   PREFIX=/usr/local LIBDIR= DESTDIR= LUA_VERSION= (all built)
# CI=true makes every warning an error. LUA_INCDIR= says where the headers of LUA_VERSION are.

LUAS := 5.1 5.2 5.3 5.4
ifeq ($(filter $(or $(LUA_VERSION),5.4),$(LUAS) jit),)
$(error LUA_VERSION=$(LUA_VERSION): one of $(LUAS) jit expected)
endif
PREFIX ?= /usr/local
CC ?= cc
CFLAGS ?= -O2 -g

# LuaJIT loads what was built on the headers of 5.1; where only LuaJIT is installed, its own do.
DIR := $(if $(filter jit,$(LUA_VERSION)),5.1,$(or $(LUA_VERSION),5.4))
LUA := $(if $(filter jit,$(LUA_VERSION)),luajit,lua$(DIR))

# The flags for the headers of each Lua.
PKG_CONFIG ?= pkg-config
headers = $(shell PKG_CONFIG='$(PKG_CONFIG)' INCLUDES='$(INCLUDES)' tools/headers.sh $1)
$(foreach v,$(LUAS),$(eval HEADERS_$v := $(call headers,$v)))
FOUND := $(if $(LUA_INCDIR),$(DIR),$(strip $(foreach v,$(LUAS),$(if $(HEADERS_$v),$v))))
NO_LUA := no headers of a Lua from 5.1 to 5.4 are here: run tools/deps.sh demo, or say where they \
	are: make LUA_VERSION=5.4 LUA_INCDIR=/usr/include/lua5.4
lua_cflags = $(if $(LUA_INCDIR),-I$(LUA_INCDIR),$(HEADERS_$1))
curl = $(or $(shell $(PKG_CONFIG) --$1 libcurl 2>&-),$(shell curl-config --$1 2>&-))
CURL_CFLAGS := $(call curl,cflags)
CURL_LIBS := $(or $(call curl,libs),-lcurl)

WARNINGS := -Wall -Wextra -Wshadow -Wconversion -Wstrict-prototypes -Wmissing-prototypes \
	-Wwrite-strings -Wundef -Wvla $(if $(filter true,$(CI)),-Werror)
COMPILE = $(CC) -std=c11 $(WARNINGS) $(CPPFLAGS) -D_GNU_SOURCE $(CFLAGS) \
	-fPIC -fvisibility=hidden $(CURL_CFLAGS)
LIBS = $(LDFLAGS) $(CURL_LIBS) -lpthread
# A worker of nginx unloads the library while it exits: its code must outlive the engine's thread.
SHARED := $(if $(filter Darwin,$(shell uname -s)),-bundle -undefined dynamic_lookup,\
	-shared -Wl,-z,nodelete)
# The C tests bring an allocator that fails when it is told to.
WRAP := -Wl,--wrap=malloc,--wrap=calloc,--wrap=realloc,--wrap=strdup,--wrap=free
build/asan/test_disk build/tsan/test_disk: WRAP += -Wl,--wrap=fsync,--wrap=syncfs
asan := -O1 -g -fno-omit-frame-pointer -fno-sanitize-recover=all -fsanitize=address,undefined
tsan := -O1 -g -fsanitize=thread

HEADERS := $(wildcard csrc/*.h)
TESTS := $(patsubst csrc/%.c,%,$(wildcard csrc/test_*.c))
BINDING := $(wildcard csrc/l*.c)
CORE := $(patsubst csrc/%.c,%.o,$(filter-out csrc/test_% $(BINDING),$(wildcard csrc/*.c)))
THREADED := $(filter test_calls test_disk test_engine test_shm_many,$(TESTS))
BENCHES := $(patsubst bench/%.c,build/bench/%,$(wildcard bench/*.c))

.PHONY: all env demo test ctests bench lint syntax pages dist deb install uninstall clean
.DELETE_ON_ERROR:
.SECONDARY:

all: $(foreach v,$(FOUND),build/$v/livechat/core.so build/$v/livechat/engine.so)
	@$(if $(FOUND),,echo "$(strip $(NO_LUA))" >&2; exit 1)

build/core/%.o: csrc/%.c $(HEADERS)
	@mkdir -p $(@D)
	$(COMPILE) -c -o $@ $<

build/asan/%.o: csrc/%.c $(HEADERS)
	@mkdir -p $(@D)
	$(COMPILE) $(asan) -c -o $@ $<

build/tsan/%.o: csrc/%.c $(HEADERS)
	@mkdir -p $(@D)
	$(COMPILE) $(tsan) -c -o $@ $<

# Two libraries: only the engine needs libcurl. Each takes of the archive what it refers to.
build/%/livechat/core.so: $(filter-out csrc/lengine.c,$(BINDING)) build/core/core.a $(HEADERS)
	@mkdir -p $(@D)
	$(COMPILE) $(call lua_cflags,$*) $(SHARED) -o $@ \
		$(filter %.c %.a,$^) $(LDFLAGS) -lpthread -lm
build/%/livechat/engine.so: csrc/lengine.c csrc/lbind.c build/core/core.a $(HEADERS)
	@mkdir -p $(@D)
	$(COMPILE) $(call lua_cflags,$*) $(SHARED) -o $@ \
		$(filter %.c %.a,$^) $(LIBS) -lm

# An archive: a test that includes a file of the core, to look into it, brings that file itself.
build/core/core.a build/asan/core.a build/tsan/core.a: build/%/core.a: $(addprefix build/%/,$(CORE))
	rm -f $@
	$(AR) rcs $@ $^

build/asan/test_throttle.o build/asan/test_throttle_log.o: csrc/throttle.c
build/asan/test_shm_many.o build/tsan/test_shm_many.o: csrc/throttle.c

build/asan/test_%: build/asan/test_%.o build/asan/core.a
	$(CC) $(asan) $(WRAP) -o $@ $^ $(LIBS)

build/tsan/test_%: build/tsan/test_%.o build/tsan/core.a
	$(CC) $(tsan) $(WRAP) -o $@ $^ $(LIBS)

build/bench/%: bench/%.c $(CORE:%=build/core/%)
	@mkdir -p $(@D)
	$(COMPILE) -Icsrc -o $@ $^ $(LIBS)

ctests: $(TESTS:%=build/asan/%) $(THREADED:%=build/tsan/%)

env:
	@echo "export LUA_PATH='$(CURDIR)/lua/?.lua;$(CURDIR)/lua/?/init.lua;;'" \
		"LUA_CPATH='$(CURDIR)/build/$(DIR)/?.so;;'"

demo:
	@tools/deps.sh demo
	@$(MAKE) --no-print-directory -s all
	@eval "$$($(MAKE) --no-print-directory -s env LUA_VERSION=5.4)" \
		&& lua5.4 examples/demo.lua $(if $(STAY),--stay)

test:
	@ONLY='$(ONLY)' LUA_VERSION='$(LUA_VERSION)' JOBS='$(JOBS)' spec/run.sh

bench:
	@tools/deps.sh demo bench
	@$(MAKE) --no-print-directory -s all $(BENCHES)
	@eval "$$($(MAKE) --no-print-directory -s env)"; status=0; \
	for file in bench/*$(ONLY)*_bench.lua; do $(LUA) $$file || status=1; done; exit $$status

lint:
	luacheck -q lua spec examples bench tools bin/livechat
	clang-format --dry-run -Werror csrc/*.[ch] bench/*.c
	if command -v cppcheck >/dev/null; then cppcheck -q --std=c11 --enable=warning,portability \
		--inline-suppr --error-exitcode=1 -D_GNU_SOURCE csrc bench; fi
	$(LUA) "$$(command -v busted)" spec/house_spec.lua

syntax:
	$(foreach v,$(FOUND),$(COMPILE) $(call lua_cflags,$v) -fsyntax-only $(BINDING) &&) \
		$(COMPILE) -Icsrc -fsyntax-only $(filter-out $(BINDING),$(wildcard csrc/*.c)) bench/*.c

pages: all
pages dist deb:
	@eval "$$($(MAKE) --no-print-directory -s env)" && LUA=$(LUA) tools/$@.sh

install: all
install uninstall:
	@DESTDIR='$(DESTDIR)' LIBDIR='$(LIBDIR)' LUA='$(if $(LUA_VERSION),$(LUA))' \
		tools/install.sh $@ '$(PREFIX)' \
		$(if $(LUA_VERSION),$(DIR),$(if $(filter install,$@),$(FOUND),$(LUAS)))

clean: ; rm -rf build
