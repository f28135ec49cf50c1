-- SPDX-License-Identifier: MIT
-- once: installs a package
--- LiveChat's own client for node calls the local service. Its package goes into a folder that is
-- removed again; where node, npm or the package cannot be had, the spec says that it skipped.
local json = require "livechat.json"
local account = require "spec.account"
local helper = require "spec.helper"

local LOGIN, KEY = account.LOGIN, account.KEY

describe("LiveChat's client for node", function()
  teardown(helper.cleanup)

  -- Calls everything that the package has, one call after the other, and prints every answer.
  local PROGRAM = [==[
    var LiveChatApi = require('livechatapi').LiveChatApi;
    var url = process.argv[2], user = process.argv[3], key = process.argv[4];
    var api = new LiveChatApi(user, key, 2, url + '/');
    var found = {}, work = [];
    function step(name, run) { work.push([name, run]); }
    function next() {
      var one = work.shift();
      if (!one) { console.log(JSON.stringify(found)); return; }
      one[1](function (answer) { found[one[0]] = answer; next(); });
    }
    step('agents.list', function (cb) { api.agents.list(cb); });
    step('agents.create', function (cb) {
      api.agents.create({ login: 'fry@example.com', name: 'Fry', groups: [1, 2],
        notifications: { new_goal: 0 } }, cb); });
    step('agents.get', function (cb) { api.agents.get('fry@example.com', cb); });
    step('agents.update', function (cb) {
      api.agents.update('fry@example.com', { job_title: 'Clerk' }, cb); });
    step('agents.resetApiKey', function (cb) { api.agents.resetApiKey('fry@example.com', cb); });
    step('groups.list', function (cb) { api.groups.list(cb); });
    step('groups.create', function (cb) {
      api.groups.create({ name: 'Planet', agents: ['fry@example.com'] }, cb); });
    step('groups.get', function (cb) { api.groups.get(4, cb); });
    step('groups.update', function (cb) { api.groups.update(4, { name: 'Express' }, cb); });
    step('groups.delete', function (cb) { api.groups.delete(4, cb); });
    step('agents.delete', function (cb) { api.agents.delete('fry@example.com', cb); });
    step('canned_responses.list', function (cb) { api.canned_responses.list({ group: 1 }, cb); });
    step('canned_responses.create', function (cb) {
      api.canned_responses.create({ text: 'Good news & more', tags: ['good', 'news'] }, cb); });
    step('canned_responses.get', function (cb) { api.canned_responses.get(3191, cb); });
    step('canned_responses.update', function (cb) {
      api.canned_responses.update(3191, { text: 'Bad news' }, cb); });
    step('canned_responses.delete', function (cb) { api.canned_responses.delete(3191, cb); });
    step('chats.list', function (cb) {
      api.chats.list({ date_from: '2025-12-10', tagged: 1 }, cb); });
    step('chats.get', function (cb) { api.chats.get(found['chats.list'].chats[0].id, cb); });
    step('chats.send', function (cb) {
      api.chats.send(found['chats.list'].chats[0].id, { to: 'a@example.com' }, cb); });
    step('goals.list', function (cb) { api.goals.list(cb); });
    step('goals.create', function (cb) { api.goals.create({ name: 'g', type: 'api' }, cb); });
    step('goals.get', function (cb) { api.goals.get(1081, cb); });
    step('goals.update', function (cb) { api.goals.update(1081, { active: 0 }, cb); });
    step('goals.mark', function (cb) {
      api.goals.mark(1081, { visitor_id: found['chats.list'].chats[0].visitor.id }, cb); });
    step('goals.delete', function (cb) { api.goals.delete(1081, cb); });
    step('greetings.list', function (cb) { api.greetings.list(cb); });
    step('greetings.create', function (cb) {
      api.greetings.create({ name: 'h', rules: [{ type: 'visits_number', value: 2 }] }, cb); });
    step('greetings.get', function (cb) { api.greetings.get(2311, cb); });
    step('greetings.update', function (cb) { api.greetings.update(2311, { active: 0 }, cb); });
    step('greetings.delete', function (cb) { api.greetings.delete(2311, cb); });
    step('status.get', function (cb) { api.status.get({ group: 0 }, cb); });
    step('visitors.list', function (cb) { api.visitors.list({ state: 'queued' }, cb); });
    step('visitors.listOnlyChattingVisitors', function (cb) {
      api.visitors.listOnlyChattingVisitors(cb); });
    step('visitors.addCustomVisitorDetails', function (cb) {
      api.visitors.addCustomVisitorDetails(found['visitors.list'][0].id,
        { id: 'my-app', fields: [{ name: 'Age', value: 36 }] }, cb); });
    step('reports.getDashboardData', function (cb) { api.reports.getDashboardData(cb); });
    step('reports.getDashboardDataForAgent', function (cb) {
      api.reports.getDashboardDataForAgent(user, cb); });
    step('reports.getDashboardDataForGroup', function (cb) {
      api.reports.getDashboardDataForGroup(1, cb); });
    ['getChatsReport', 'getRatingsReport', 'getRatingsRanking', 'getQueuedVisitorsReport',
      'getQueueWaitingTimesReport', 'getAvailabilityReport', 'getChattingTimeReport',
      'getGoalsReport'].forEach(function (name) {
      step('reports.' + name, function (cb) {
        api.reports[name]({ date_from: '2025-12-01', date_to: '2025-12-31' }, cb); });
    });
    Object.keys(api).forEach(function (part) {
      if (!api[part] || !api[part].api) return;
      Object.keys(api[part]).forEach(function (name) {
        if (typeof api[part][name] == 'function') {
          step('has ' + part + '.' + name, function (cb) { cb(true); });
        }
      });
    });
    next();]==]

  -- What the service no longer has.
  local GONE = { ["agents.resetApiKey"] = true, ["reports.getDashboardData"] = true,
    ["reports.getDashboardDataForAgent"] = true, ["reports.getDashboardDataForGroup"] = true }

  -- A folder with the package, or nil where it cannot be had.
  local function package_folder()
    local folder = helper.folder()
    local got = helper.run("cd " .. helper.quote(folder) .. " && command -v node npm >/dev/null" ..
      " && timeout 90 npm install --silent --no-audit --no-fund livechatapi >/dev/null 2>&1" ..
      " && test -d node_modules/livechatapi")
    return got == 0 and folder
  end

  it("gets an answer to everything that it can call", function()
    local folder = package_folder()
    if not folder then return pending("node, npm or the package livechatapi is absent") end
    local sandbox = helper.sandbox({ calls = false, chats = 60 })
    helper.write(folder .. "/all.js", PROGRAM)
    local status, printed = helper.run(("cd %s && timeout 60 node --no-deprecation all.js %s %s %s")
      :format(helper.quote(folder), sandbox.url, LOGIN, KEY))
    assert.equal(0, status, printed)
    local found = assert(json.decode(printed:match("{.*}")))
    local calls = 0
    for name, answer in pairs(found) do
      local member = name:match("^has (.*)$")
      if member then
        assert.is_not_nil(found[member], member .. " was not called")
      else
        calls = calls + 1
        local failed = type(answer) == "table" and answer.error
        assert.equal(GONE[name] or false, failed ~= nil and failed ~= false, name .. " " ..
          tostring(failed))
        if failed then assert.truthy(failed:find("Resource not found", 1, true)) end
      end
    end
    assert.equal(45, calls)
    assert.equal("Clerk", found["agents.update"].job_title)
    assert.same({ "fry@example.com" }, found["groups.get"].agents)
    assert.equal("Good news & more", found["canned_responses.create"].text)
    assert.equal("online", found["status.get"].status)
    assert.equal(2, #found["visitors.listOnlyChattingVisitors"])
    assert.equal("goal marked as successful", found["goals.mark"].result)
    assert.is_number(found["reports.getChatsReport"]["2025-12-10"].chats)
  end)
end)
