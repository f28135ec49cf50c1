-- SPDX-License-Identifier: MIT
-- The local accounts.livechat.com: tokens, their renewal and end, accounts, the organization.
local json = require "livechat.json"
local base64 = require "livechat.sandbox.base64"
local account = require "spec.account"
local helper = require "spec.helper"
local today = require "spec.today"

local own, apps
before_each(function()
  own = today.new()
  apps = own.service.options
end)

local function token(fields)
  local status, body = own.accounts("POST", "/v2/token", { json = fields })
  return body, status
end

local function renew(refresh, more)
  local fields = { grant_type = "refresh_token", refresh_token = refresh,
    client_id = apps.client_id, client_secret = apps.client_secret }
  for name, value in pairs(more or {}) do fields[name] = value or nil end
  return token(fields)
end

local function works(text)
  return (own.helpdesk("GET", "/teams", { headers = { authorization = "Bearer " .. text } })) == 200
end

describe("POST /v2/token", function()
  it("takes a code once, for five minutes, from who asked for it", function()
    local function exchange(more)
      local code = own.control("POST", "tokens", { kind = "code" })
      local fields = { grant_type = "authorization_code", code = code.code,
        client_id = apps.client_id, client_secret = apps.client_secret,
        redirect_uri = code.redirect_uri }
      for name, value in pairs(more or {}) do fields[name] = value end
      return fields
    end
    local fields = exchange()
    local body = token(fields)
    assert.same({ "Bearer", 28800, apps.account_id }, { body.token_type, body.expires_in,
      body.account_id })
    assert.truthy(body.access_token:find("^dal:"))
    assert.is_nil(body.refresh_token:find(":"))
    assert.truthy(body.organization_id:find("^%x+%-"))
    assert.is_true(works(body.access_token))
    local again, status = token(fields)
    assert.same({ 403, "invalid_grant" }, { status, again.error })
    assert.equal(403, select(2, token(exchange({ redirect_uri = "https://other.example.com" }))))
    local late = exchange()
    own.control("POST", "options", { advance = 300 })
    assert.equal(403, select(2, token(late)))
  end)

  it("checks a public client's verifier", function()
    local function exchange(verifier)
      local code = own.control("POST", "tokens", { kind = "code", public = true,
        challenge = "right" })
      return select(2, token({ grant_type = "authorization_code", code = code.code,
        client_id = apps.public_client_id, redirect_uri = code.redirect_uri,
        code_verifier = verifier }))
    end
    assert.same({ 200, 403, 403 }, { exchange("right"), exchange("wrong"), exchange(nil) })
  end)

  it("checks it by its digest as well: the vector of RFC 7636, appendix B", function()
    local function exchange(verifier)
      local code = own.control("POST", "tokens", { kind = "code", public = true, method = "S256",
        challenge = "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM" })
      return select(2, token({ grant_type = "authorization_code", code = code.code,
        client_id = apps.public_client_id, redirect_uri = code.redirect_uri,
        code_verifier = verifier }))
    end
    assert.equal(200, exchange("dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk"))
    assert.equal(403, exchange("E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM"))
    assert.equal(403, exchange(("x"):rep(2 ^ 20)))
    assert.equal(403, exchange(nil))
    local _, status = own.control("POST", "tokens", { kind = "code", method = "S512" })
    assert.equal(400, status)
  end)

  it("takes a form as well", function()
    local refresh = own.control("POST", "tokens", {}).refresh_token
    local status, body = own.accounts("POST", "/v2/token", { form =
      ("grant_type=refresh_token&refresh_token=%s&client_id=%s&client_secret=%s")
        :format(refresh, apps.client_id, apps.client_secret) })
    assert.same({ 200, refresh }, { status, body.refresh_token })
  end)

  it("refuses as documented", function()
    local refresh = own.control("POST", "tokens", {}).refresh_token
    local body, status = token({ client_id = apps.client_id })
    assert.same({ 422, "invalid_request", { grant_type = "is required" } }, { status, body.error,
      body.invalid_fields })
    assert.is_string(body.request_id)
    body, status = renew("")
    assert.same({ 422, { refresh_token = "is required" } }, { status, body.invalid_fields })
    body, status = renew(refresh, { grant_type = "code" })
    assert.same({ 403, "unsupported_grant_type" }, { status, body.error })
    for _, more in ipairs({ { client_id = "other" }, { client_secret = "other" },
      { client_secret = false } }) do
      body, status = renew(refresh, more)
      assert.same({ 401, "invalid_client", json.null }, { status, body.error, body.sub_error })
    end
    body, status = renew("other")
    assert.same({ 403, "invalid_grant" }, { status, body.error })
    assert.equal(400, (own.accounts("POST", "/v2/token", { body = "{",
      headers = { ["content-type"] = "application/json" } })))
    assert.equal(404, (own.accounts("GET", "/v2/token")))
  end)

  it("keeps a server's refresh token, and renews a public client's for one use", function()
    local first = own.control("POST", "tokens", {})
    local second = renew(first.refresh_token)
    assert.equal(first.refresh_token, second.refresh_token)
    assert.is_true(works(first.access_token) and works(second.access_token))
    local public = { client_id = apps.public_client_id, client_secret = false }
    local one = own.control("POST", "tokens", { public = true })
    local two = renew(one.refresh_token, public)
    assert.not_equal(one.refresh_token, two.refresh_token)
    assert.equal(403, select(2, renew(one.refresh_token, public)))
    assert.equal(200, select(2, renew(two.refresh_token, public)))
    assert.equal(403, select(2, renew(first.refresh_token, public)))
  end)

  it("lets the oldest of 25 give way", function()
    local list = {}
    for i = 1, 26 do list[i] = own.control("POST", "tokens", {}) end
    assert.is_false(works(list[1].access_token))
    assert.is_true(works(list[2].access_token) and works(list[26].access_token))
    assert.equal(403, select(2, renew(list[1].refresh_token)))
    local other = own.control("POST", "tokens", { agent = "jane.doe@example.com" })
    assert.is_true(works(other.access_token) and works(list[2].access_token))
  end)

  it("is throttled in its own words", function()
    own.control("POST", "options", { calls = 1 })
    renew("x")
    local body, status = renew("x")
    assert.same({ 429, "temporarily_unavailable" }, { status, body.error })
  end)
end)

describe("GET /v2/info and DELETE /v2/token", function()
  it("tell of an access token, and end it and what renews it", function()
    local pair = own.control("POST", "tokens", { scope = "chats--all:ro,accounts--my:ro" })
    own.control("POST", "options", { advance = 75 })
    local header = { authorization = "Bearer " .. pair.access_token }
    local status, body = own.accounts("GET", "/v2/info", { headers = header })
    assert.same({ 200, 28725, apps.client_id, "chats--all:ro,accounts--my:ro" },
      { status, body.expires_in, body.client_id, body.scope })
    assert.is_nil(body.refresh_token)
    status = own.accounts("GET", "/v2/info", { query = "code=" .. pair.access_token,
      headers = { authorization = false } })
    assert.equal(200, status)
    for _, text in ipairs({ pair.refresh_token, "other", (pair.access_token:gsub(":", "%%3A")) }) do
      status, body = own.accounts("GET", "/v2/info",
        { headers = { authorization = "Bearer " .. text } })
      assert.same({ 422, "invalid_request" }, { status, body.error })
    end
    status, body = own.accounts("DELETE", "/v2/token", { headers = header })
    assert.same({ 200, {} }, { status, body })
    assert.is_false(works(pair.access_token))
    assert.equal(403, select(2, renew(pair.refresh_token)))
    status, body = own.accounts("DELETE", "/v2/token", { headers = header })
    assert.same({ 404, "resource_not_found", "token" }, { status, body.error, body.resource_name })
    local other = own.control("POST", "tokens", {})
    status = own.accounts("DELETE", "/v2/token", { query = "code=" .. other.refresh_token,
      headers = { authorization = false } })
    assert.equal(200, status)
    assert.is_false(works(other.access_token))
  end)

  it("forget what has ended", function()
    local pair = own.control("POST", "tokens", { expires_in = 10 })
    own.control("POST", "options", { advance = 10 })
    assert.equal(422, (own.accounts("GET", "/v2/info",
      { headers = { authorization = "Bearer " .. pair.access_token } })))
    assert.is_true(works(renew(pair.refresh_token).access_token))
  end)
end)

describe("accounts", function()
  it("are the agents", function()
    local status, list = own.accounts("GET", "/v2/accounts")
    local _, agents = own.call("GET", "/agents")
    assert.equal(200, status)
    for i, agent in ipairs(agents) do
      assert.same({ agent.login, agent.name }, { list[i].email, list[i].name })
    end
    local _, me = own.accounts("GET", "/v2/accounts/me")
    assert.same({ apps.account_id, account.LOGIN, "LiveChat", "owner" }, { me.account_id, me.email,
      me.default_product, me.roles[1].role })
    assert.same(me, (select(2, own.accounts("GET", "/v2/accounts/" .. apps.account_id))))
    assert.equal(list[2].account_id,
      (select(2, own.helpdesk("GET", "/agents")))[2].accountID)
  end)

  it("give an agent another name and picture", function()
    local _, list = own.accounts("GET", "/v2/accounts")
    local path = "/v2/accounts/" .. list[2].account_id
    local status, changed = own.accounts("PATCH", path, { json = { name = "Jane Roe" } })
    assert.same({ 200, "Jane Roe" }, { status, changed.name })
    local _, agent = own.call("GET", "/agents/jane.doe@example.com")
    assert.equal("Jane Roe", agent.name)
    for _, fields in ipairs({ { name = "" }, { name = ("x"):rep(192) }, { nick = "x" },
      { name = "x", nick = "x" } }) do
      assert.equal(422, (own.accounts("PATCH", path, { json = fields })))
    end
    local settings = path .. "/organization_settings/my"
    local _, avatar = own.accounts("PATCH", settings,
      { json = { avatar_url = "https://example.com/j.png" } })
    assert.same({ avatar_url = "https://example.com/j.png" }, avatar)
    assert.same(avatar, (select(2, own.accounts("GET", settings))))
    assert.equal("example.com/j.png", select(2, own.call("GET",
      "/agents/jane.doe@example.com")).avatar)
    local picture = { body = '--b\r\nContent-Disposition: form-data; name="avatar"; ' ..
      'filename="j.png"\r\nContent-Type: image/png\r\n\r\nPNG\r\n--b--\r\n',
      headers = { ["content-type"] = "multipart/form-data; boundary=b" } }
    assert.equal(200, (own.accounts("PATCH", settings, picture)))
    picture.body = picture.body:gsub("image/png", "image/gif")
    assert.equal(422, (own.accounts("PATCH", settings, picture)))
    assert.equal(404, (own.accounts("GET", path .. "/organization_settings/other")))
  end)

  it("go, but not the owner's", function()
    local _, list = own.accounts("GET", "/v2/accounts")
    assert.equal(200, (own.accounts("DELETE", "/v2/accounts/" .. list[2].account_id)))
    assert.equal(404, (own.call("GET", "/agents/jane.doe@example.com")))
    local status, body = own.accounts("DELETE", "/v2/accounts/me")
    assert.same({ 403, "access_denied" }, { status, body.error })
    status, body = own.accounts("GET", "/v2/accounts/other")
    assert.same({ 404, "account", "other" }, { status, body.resource_name, body.resource_id })
  end)

  it("are made once, and invited", function()
    local new = { json = { email = "n@example.com" } }
    local status, made = own.accounts("POST", "/v2/accounts", new)
    assert.equal(201, status)
    local again, same = own.accounts("POST", "/v2/accounts", new)
    assert.same({ 200, made }, { again, same })
    status, same = own.accounts("POST", "/v2/accounts", { json = { email =
      "n@elsewhere.example.com" } })
    assert.same({ 409, "conflict", "account" }, { status, same.error, same.resource_name })
    local invite = { json = { email = "i@example.com", name = "I", product = "LiveChat" } }
    local first = own.accounts("POST", "/v2/accounts/invitations", invite)
    local second, body = own.accounts("POST", "/v2/accounts/invitations", invite)
    assert.same({ 201, 200, "string" }, { first, second, type(body.invitation_id) })
    invite.json.email = account.LOGIN
    assert.equal(409, (own.accounts("POST", "/v2/accounts/invitations", invite)))
  end)

  it("want credentials and scopes", function()
    local status, body = own.accounts("GET", "/v2/accounts", { headers = { authorization = "x" } })
    assert.same({ 401, "unauthorized", json.null }, { status, body.error, body.sub_error })
    local made = own.control("POST", "tokens", { kind = "personal", scope = "accounts--my:ro",
      agent = "jane.doe@example.com" })
    own.headers.authorization = "Basic " .. base64.encode(made.account_id .. ":" .. made.token)
    status, body = own.accounts("GET", "/v2/accounts")
    assert.same({ 403, "insufficient_scope" }, { status, body.sub_error })
    local _, me = own.accounts("GET", "/v2/accounts/me")
    assert.equal("jane.doe@example.com", me.email)
    assert.is_nil(me.roles)
    assert.equal(403, (own.accounts("GET", "/v2/accounts/" .. apps.account_id)))
    assert.equal(403, (own.accounts("PATCH", "/v2/accounts/me", { json = { name = "x" } })))
  end)

  it("belong to an organization with a region", function()
    local _, mine = own.accounts("GET", "/v2/organizations/my")
    local path = "/globalmapper/organization_id/" .. mine.organization_id .. "/region"
    local bare = { headers = { authorization = false } }
    assert.same({ region = "dal" }, (select(2, own.accounts("GET", path, bare))))
    own.control("POST", "options", { region = "fra" })
    assert.same({ region = "fra" }, (select(2, own.accounts("GET", path, bare))))
    local status, body = own.accounts("GET", "/globalmapper/organization_id/x/region", bare)
    assert.same({ 404, "string" }, { status, type(body.error_message) })
    assert.equal(404, (own.accounts("GET", "/v2/organizations/other")))
  end)
end)

describe("the published samples of accounts", function()
  local text = helper.payload("oauth_and_accounts_doc_samples.json")
  local read_it = text and it or function(name)
    print("skipped, there is no ../shared/payloads: accounts " .. name)
  end

  read_it("have their members here", function()
    local all = json.fold(json.decode(text))
    local function covers(sample, _, body)
      local right, name = helper.covers(sample, body)
      assert.is_true(right, name)
    end
    local pair = own.control("POST", "tokens", {})
    local renewed, status = renew(pair.refresh_token)
    covers(all["token refresh_token"].response, status, renewed)
    covers(all.info.response, own.accounts("GET", "/v2/info",
      { headers = { authorization = "Bearer " .. pair.access_token } }))
    covers(all["account object (assembled from the examples)"],
      own.accounts("GET", "/v2/accounts/me"))
    covers(all.organization_settings.response, own.accounts("GET",
      "/v2/accounts/me/organization_settings/my"))
    local errors = all["errors (assembled from the examples of the OpenAPI text)"]
    covers(errors["404"], own.accounts("GET", "/v2/accounts/x"))
    covers(errors["401"], own.accounts("GET", "/v2/accounts",
      { headers = { authorization = false } }))
    covers(errors["422"], own.accounts("PATCH", "/v2/accounts/me", { json = { name = "" } }))
    covers(errors["409"], own.accounts("POST", "/v2/accounts",
      { json = { email = "n@elsewhere.example.com" } }))
    own.control("POST", "options", { calls = 1 })
    covers(errors["429"], own.accounts("GET", "/v2/accounts/me"))
  end)
end)

describe("an app's own webhook", function()
  it("hears of its life on request", function()
    own.control("POST", "clients", { client_id = "an-app", webhook = "http://127.0.0.1:1/app" })
    local text = helper.payload("app_webhook_doc_samples.json")
    local samples = text and json.fold(json.decode(text)) or {}
    for _, name in ipairs({ "application_installed", "application_uninstalled",
      "payment_trialstarted", "payment_activated", "payment_collected", "payment_cancelled" }) do
      local answer = own.control("POST", "trigger", { event_type = name, licenseID = 7 })
      assert.same({ 1, "an-app" }, { answer.deliveries, answer.ids[1] })
      local arrived = own.delivered()[1]
      assert.same({ name, "an-app", 7, "/app" }, { arrived.body.event, arrived.body.clientID,
        arrived.body.licenseID, arrived.target.path })
      if samples[name] then assert.is_true(helper.covers(samples[name], arrived.body), name) end
    end
    local _, status = own.control("POST", "clients", { client_id = "x", webhook = "x" })
    assert.equal(400, status)
  end)
end)
