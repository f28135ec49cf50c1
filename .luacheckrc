-- SPDX-License-Identifier: MIT
-- Any global of any Lua: a module asks for what its Lua has, and the specs run it on all five.
std = "max"
max_line_length = 100
self = false
ignore = { "581" } -- `not (x > 0)` is how NaN is refused
files["lua/livechat/nginx.lua"].std = "max+ngx_lua"
files["lua/livechat/sandbox/nginx.lua"].std = "max+ngx_lua"
files["spec"].std = "max+busted"
files["bin/livechat"].globals = { "_" } -- what the shell reads is a text for Lua
