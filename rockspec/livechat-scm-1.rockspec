-- SPDX-License-Identifier: MIT
rockspec_format = "3.0"
package = "livechat"
version = "scm-1"
source = { url = "." } -- for `luarocks make` in a checkout
description = {
  summary = "Client for LiveChat's helpdesk API: agents, tickets, webhook events",
  license = "MIT",
}
dependencies = { "lua >= 5.1, < 5.5", "lua-cjson" }
-- The library only: LuaRocks does not look for headers where Debian keeps those of libcurl, and the
-- compiler does.
external_dependencies = { CURL = { library = "curl" } }
build = {
  type = "builtin", -- installs what is under lua/ by itself
  modules = {
    ["livechat.core"] = {
      sources = {
        "csrc/apart.c",
        "csrc/base64.c",
        "csrc/buf.c",
        "csrc/child.c",
        "csrc/commit.c",
        "csrc/digest.c",
        "csrc/disk.c",
        "csrc/err.c",
        "csrc/folder.c",
        "csrc/idtable.c",
        "csrc/job.c",
        "csrc/origin.c",
        "csrc/process.c",
        "csrc/secret.c",
        "csrc/shm.c",
        "csrc/shm_file.c",
        "csrc/queue.c",
        "csrc/spool.c",
        "csrc/stamp.c",
        "csrc/thread.c",
        "csrc/throttle.c",
        "csrc/utf8.c",
        "csrc/lbind.c",
        "csrc/lapart.c",
        "csrc/lchild.c",
        "csrc/lcore.c",
        "csrc/ldisk.c",
        "csrc/ljob.c",
        "csrc/lrecord.c",
        "csrc/lspool.c",
        "csrc/lthrottle.c",
      },
      defines = { "_GNU_SOURCE" },
      libraries = { "pthread", "m" },
    },
    ["livechat.engine"] = {
      sources = {
        "csrc/apart.c",
        "csrc/base64.c",
        "csrc/buf.c",
        "csrc/calls.c",
        "csrc/engine.c",
        "csrc/err.c",
        "csrc/handle.c",
        "csrc/idtable.c",
        "csrc/notify.c",
        "csrc/origin.c",
        "csrc/process.c",
        "csrc/request.c",
        "csrc/secret.c",
        "csrc/stamp.c",
        "csrc/thread.c",
        "csrc/transfer.c",
        "csrc/lbind.c",
        "csrc/lengine.c",
      },
      defines = { "_GNU_SOURCE" },
      incdirs = { "$(CURL_INCDIR)" },
      libdirs = { "$(CURL_LIBDIR)" },
      libraries = { "curl", "pthread", "m" },
    },
  },
  install = { bin = { "bin/livechat" } },
}
