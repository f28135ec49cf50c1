-- SPDX-License-Identifier: MIT
--- An nginx of our own: words for the shell and for its configuration, what it is found by, how it
--- starts and ends. (In the foreground: sandbox_server_spec.lua and listen_spec.lua.)
local helper = require "spec.helper"
local process = require "livechat.nginx_process"

-- What a path or a value may hold.
local ODD = { "a b", "it's", 'say "so"', "$HOME", "`id`", "a\\b", "a;b", "-n", "", "a\nb", "é" }

describe("livechat.nginx_process", function()
  teardown(helper.cleanup)

  it("quotes one word for the shell, whatever it holds", function()
    for _, text in ipairs(ODD) do
      assert.equal(text, process.output("printf %s " .. process.quote(text)))
    end
    assert.equal("7", process.output("printf %s " .. process.quote(7)))
  end)

  it("quotes a path for nginx", function()
    for _, text in ipairs(ODD) do
      local word = process.parameter(text)
      assert.equal(text, (word:match('^"(.*)"$'):gsub("\\(.)", "%1")))
      assert.is_nil((word:sub(2, -2):gsub("\\.", "")):find('"', 1, true))
    end
  end)

  it("makes a folder of this user's alone, and removes it with what is in it", function()
    local folder = process.folder()
    assert.matches("^drwx%-%-%-%-%-%-", process.output("ls -ld " .. folder))
    process.write(folder .. "/a b", "text\0more")
    assert.equal("text\0more", process.read(folder .. "/a b"))
    assert.is_true(process.remove(folder))
    assert.is_nil(process.read(folder .. "/a b"))
    assert.is_true(process.remove(folder))
  end)

  it("gives a place to each folder that nginx would make elsewhere", function()
    local nginx = { modules = "", built = "--without-http_scgi_module" }
    local conf = process.conf { nginx = nginx, folder = "/a b", http = "", daemon = true }
    for _, name in ipairs { "client_body", "proxy", "fastcgi", "uwsgi" } do
      assert.truthy(conf:find("\n" .. name .. '_temp_path "/a b/', 1, true), name)
    end
    assert.is_nil(conf:find("scgi_temp_path \"/a b/scgi", 1, true)
      and conf:find("\nscgi_temp_path", 1, true))
    assert.truthy(conf:find("\ndaemon on;\nmaster_process off;\n", 1, true))
    conf = process.conf { nginx = nginx, folder = "/x", http = "", workers = 3, main = "user u;" }
    assert.truthy(conf:find("daemon off;\nworker_processes 3;\n", 1, true))
    assert.truthy(conf:find("\nuser u;\nevents ", 1, true))
  end)

  it("starts one, which listens at once, and tells what it said where it does not", function()
    local found, folder, port = assert(process.find()), helper.folder(), helper.free_port()
    local function conf(http)
      return process.conf { nginx = found, folder = folder, daemon = true, http = http }
    end
    local listen = ("access_log off; server { listen 127.0.0.1:%d; return 204; }"):format(port)
    local pid = assert(process.start(found, folder, conf(listen)))
    assert.equal(204, helper.http({ port = port }).status)
    assert.is_true(process.alive(pid))
    process.stop(pid)
    assert.is_false(process.alive(pid))
    process.stop(pid)
    local none, said = process.start(found, folder, conf("no_such_directive;"))
    assert.is_nil(none)
    assert.truthy(said:find("no_such_directive", 1, true), said)
  end)

  it("takes a process that has ended for ended, reaped or not", function()
    local file = helper.folder() .. "/pid"
    helper.spawn({ "sh", "-c", "sleep 0.05 & echo $! >" .. file .. "; exec sleep 20" })
    local pid = helper.wait_until(function() return tonumber(helper.read(file) or "") end)
    assert.is_true(helper.wait_exit(math.floor(pid), 5))
  end)
end)
