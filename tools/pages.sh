#!/bin/sh
# SPDX-License-Identifier: MIT
# What `make pages` does: writes what the dialects' data says into docs/reference.md and
# library/, and the rockspec of this version.
set -eu
"${LUA:-lua5.4}" tools/reference.lua
"${LUA:-lua5.4}" tools/types.lua
"${LUA:-lua5.4}" tools/rockspec.lua
