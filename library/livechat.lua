-- SPDX-License-Identifier: MIT
---@meta livechat
-- Written by `make pages`; do not edit it. For the Lua language server: name this folder in
-- "workspace.library" of .luarc.json.

---@class livechat
---@field _VERSION string
local livechat = {}

---@class livechat.GroupRef
---@field id integer|string
---@field name? string

---@class livechat.Person
---@field id? string
---@field name? string
---@field mail? string

---@class livechat.Page<T>: { [integer]: T }
---@field page integer
---@field pages? integer
---@field total? integer
local Page = {}

---@class livechat.Receiver
local Receiver = {}

---@alias livechat.Redis table|fun(): table a connection of redis-lua or lua-resty-redis

---@class livechat.Throttle made by livechat.throttle; several clients may be given one

---@class livechat.Agent
---@field daily_summary? integer v2 only
---@field group_ids? (integer)[] v2 only
---@field groups? livechat.GroupRef[] v2 only
---@field last_logout? string v2 only
---@field license_id? string v2 only
---@field max_chats_count? integer v2 only
---@field notifications? table<string, integer> v2 only
---@field work_scheduler? table<string, livechat.Day> v2 only

---@class livechat.CannedResponse
---@field creation_date? string v2 only
---@field group? integer v2 only
---@field id? string v2 only
---@field modification_date? string v2 only
---@field tags? (string)[] v2 only
---@field text? string v2 only

---@class livechat.Chat
---@field agents? (livechat.ChatAgent)[] v2 only
---@field attachments? (any)[] v2 only
---@field ended_timestamp? string v2 only
---@field events? (livechat.ChatLine)[] v2 only
---@field groups? livechat.GroupRef[] v2 only
---@field id? string v2 only
---@field messages? (livechat.ChatLine)[] v2 only
---@field referer? string v2 only
---@field started_timestamp? string v2 only
---@field tags? (string)[] v2 only
---@field url? string v2 only

---@class livechat.ChatAgent
---@field login? string v2 only
---@field name? string v2 only

---@class livechat.ChatLine
---@field agent_id? string v2 only
---@field author_name? string v2 only
---@field json? string v2 only
---@field text? string v2 only
---@field timestamp? string v2 only
---@field type? string v2 only
---@field user_type? string v2 only

---@class livechat.CustomVariable
---@field key? string v2 only
---@field value? string|number|boolean v2 only

---@class livechat.Day
---@field enabled? integer v2 only

---@class livechat.Hook
---@field data_types? (any)[] v2 only
---@field id? string v2 only
---@field licence? integer v2 only
---@field verified? boolean v2 only

---@class livechat.Source
---@field id? string v2 only
---@field type? string v2 only
---@field url? string v2 only

---@class livechat.Span
---@field date? string v2 only
---@field from? string v2 only
---@field to? string v2 only

---@class livechat.SurveyAnswer
---@field chosen? boolean v2 only
---@field label? string v2 only

---@class livechat.SurveyItem
---@field answer? string v2 only
---@field answers? (livechat.SurveyAnswer)[] v2 only
---@field id? string v2 only
---@field label? string v2 only
---@field type? string v2 only

---@class livechat.Team
---@field ID? string helpdesk only

---@class livechat.Ticket
---@field assignee? livechat.Person v2 only
---@field currentGroup? livechat.GroupRef v2 only
---@field date? string v2 only
---@field events? (livechat.TicketEvent)[] v2 only
---@field firstResponse? livechat.Span v2 only
---@field groups? livechat.GroupRef[] v2 only
---@field id? string v2 only
---@field modified? string v2 only
---@field opened? (livechat.Span)[] v2 only
---@field requester? livechat.Person v2 only
---@field source? livechat.Source v2 only
---@field status? string v2 only
---@field subject? string v2 only
---@field tags? (string)[] v2 only

---@class livechat.TicketEvent
---@field author? livechat.Person v2 only
---@field date? string v2 only
---@field is_private? boolean v2 only
---@field message? string v2 only
---@field source? livechat.Source v2 only
---@field to? livechat.Person v2 only
---@field type? string v2 only

---@class livechat.Visitor
---@field city? string v2 only
---@field country? string v2 only
---@field custom_variables? (livechat.CustomVariable)[] v2 only
---@field email? string v2 only
---@field id? string v2 only
---@field language? string v2 only
---@field name? string v2 only
---@field page_current? string v2 only
---@field timezone? string v2 only

---@class livechat.AgentsCreateFields
---@field daily_summary? boolean|0|1 v2 only
---@field groups? (integer|string|livechat.GroupRef)[] v2 only
---@field job_title? string v2 only
---@field login? string v2 only
---@field login_status? "accepting chats"|"not accepting chats" v2 only
---@field max_chats_count? integer v2 only
---@field name? string v2 only
---@field notifications? livechat.AgentsCreateFieldsNotifications v2 only
---@field password? string v2 only
---@field permission? "administrator"|"normal" v2 only

---@class livechat.AgentsCreateFieldsNotifications
---@field incoming_chat? boolean|0|1 v2 only
---@field new_goal? boolean|0|1 v2 only
---@field new_visitor? boolean|0|1 v2 only
---@field queued_visitor? boolean|0|1 v2 only
---@field returning_visitor? boolean|0|1 v2 only
---@field visitor_is_typing? boolean|0|1 v2 only

---@class livechat.AgentsListFilter
---@field status? "accepting chats"|"not accepting chats"|"offline" v2 only

---@class livechat.AgentsUpdateFields
---@field current_password? string v2 only
---@field daily_summary? boolean|0|1 v2 only
---@field groups? (integer|string|livechat.GroupRef)[] v2 only
---@field job_title? string v2 only
---@field login_status? "accepting chats"|"not accepting chats" v2 only
---@field max_chats_count? integer v2 only
---@field name? string v2 only
---@field notifications? livechat.AgentsUpdateFieldsNotifications v2 only
---@field password? string v2 only
---@field permission? "administrator"|"normal" v2 only
---@field status? "accepting chats"|"not accepting chats"|"offline" v2 only
---@field work_scheduler? table<string, livechat.AgentsUpdateFieldsWorkScheduler> v2 only

---@class livechat.AgentsUpdateFieldsNotifications
---@field new_visitor? boolean|0|1 v2 only
---@field queued_visitor? boolean|0|1 v2 only
---@field returning_visitor? boolean|0|1 v2 only
---@field visitor_is_typing? boolean|0|1 v2 only

---@class livechat.AgentsUpdateFieldsWorkScheduler
---@field enabled? boolean|0|1 v2 only
---@field end? string v2 only
---@field start? string v2 only

---@class livechat.TicketsCreateFields
---@field assignee? livechat.TicketsCreateFieldsAssignee v2 only
---@field group? (integer|string|livechat.GroupRef)[] v2 only
---@field message? string v2 only
---@field requester? livechat.TicketsCreateFieldsRequester v2 only
---@field source? livechat.TicketsCreateFieldsSource v2 only
---@field subject? string v2 only

---@class livechat.TicketsCreateFieldsAssignee
---@field id? string v2 only

---@class livechat.TicketsCreateFieldsRequester
---@field mail? string v2 only
---@field name? string v2 only

---@class livechat.TicketsCreateFieldsSource
---@field type? "chat-window"|"mail"|"lc2" v2 only
---@field url? string v2 only

---@class livechat.TicketsListFilter
---@field agent? (string)[] v2 only
---@field assigned? boolean|0|1 v2 only
---@field assignee? string v2 only
---@field date_from? string v2 only
---@field date_to? string v2 only
---@field group? integer|string|livechat.GroupRef v2 only
---@field order? "asc"|"desc" v2 only
---@field page? integer v2 only
---@field query? string v2 only
---@field requester? livechat.TicketsListFilterRequester v2 only
---@field source? "lc2"|"mail"|"facebook"|"agent-app-manual"|"chat-window" v2 only
---@field source_id? string v2 only
---@field status? "open"|"pending"|"solved"|"spam" v2 only
---@field tag? string v2 only
---@field tagged? boolean|0|1 v2 only

---@class livechat.TicketsListFilterRequester
---@field mail? string v2 only

---@class livechat.TicketsUpdateFields
---@field assignee? livechat.TicketsUpdateFieldsAssignee v2 only
---@field message? string v2 only
---@field requester? livechat.TicketsUpdateFieldsRequester v2 only
---@field source? livechat.TicketsUpdateFieldsSource v2 only
---@field subject? string v2 only
---@field tags? (string)[] v2 only

---@class livechat.TicketsUpdateFieldsAssignee
---@field id? string v2 only

---@class livechat.TicketsUpdateFieldsRequester
---@field mail? string v2 only
---@field name? string v2 only

---@class livechat.TicketsUpdateFieldsSource
---@field type? "chat-window"|"mail"|"lc2" v2 only
---@field url? string v2 only

---@class livechat.WebhooksCreateFields
---@field data_types? (string)[] v2 only
---@field event_type? livechat.WebhooksCreateFieldsEventType v2 only
---@field url? string v2 only

---@alias livechat.WebhooksCreateFieldsEventType
---| "chat_started"
---| "chat_ended"
---| "chat_changed"
---| "visitor_queued"
---| "ticket_created"
---| "canned_response_changed"

---@class livechat.Agent
local Agent = {}

---@return table
function Agent:totable() end

---@return table
function Agent:raw() end

---@return livechat.Agent
function Agent:discard() end

---@return livechat.Agent|nil
---@return livechat.Error|nil err
function Agent:reload() end

---@return livechat.Agent|nil
---@return livechat.Error|nil err
function Agent:save() end

--- changes what is given; what is left out stays
---@param fields livechat.AgentsUpdateFields
---@return livechat.Agent|nil
---@return livechat.Error|nil err
function Agent:update(fields) end

--- removes an agent
---@return true|nil done
---@return any result what the service said, or the error
function Agent:delete() end

---@class livechat.Ticket
local Ticket = {}

---@return table
function Ticket:totable() end

---@return table
function Ticket:raw() end

---@return livechat.Ticket
function Ticket:discard() end

---@return livechat.Ticket|nil
---@return livechat.Error|nil err
function Ticket:reload() end

---@return livechat.Ticket|nil
---@return livechat.Error|nil err
function Ticket:save() end

--- changes a ticket and keeps its tags; tells which fields the service did not take
---@param fields livechat.TicketsUpdateFields
---@return livechat.Ticket|nil
---@return livechat.Error|nil err
function Ticket:update(fields) end

--- replaces the ticket's tags
---@param tags (string)[]
---@return livechat.Ticket|nil
---@return livechat.Error|nil err
function Ticket:tag(tags) end

--- adds tags to the ticket's own
---@param tags (string)[]
---@return livechat.Ticket|nil
---@return livechat.Error|nil err
function Ticket:add_tags(tags) end

--- removes tags; the others stay
---@param tags (string)[]
---@return livechat.Ticket|nil
---@return livechat.Error|nil err
function Ticket:remove_tags(tags) end

---@class livechat.Teams
local Teams = {}

--- all teams
---@return livechat.Team[]|nil
---@return livechat.Error|nil err
function Teams:list() end

---@class livechat.Agents
local Agents = {}

--- all agents, of one status where asked
---@param filter? livechat.AgentsListFilter
---@return livechat.Agent[]|nil
---@return livechat.Error|nil err
function Agents:list(filter) end

--- one agent
---@param login string|integer
---@return livechat.Agent|nil
---@return livechat.Error|nil err
function Agents:get(login) end

--- adds an agent; without a password they get an activation e-mail
---@param fields livechat.AgentsCreateFields
---@return livechat.Agent|nil
---@return livechat.Error|nil err
function Agents:create(fields) end

--- changes what is given; what is left out stays
---@param login string|integer
---@param fields livechat.AgentsUpdateFields
---@return livechat.Agent|nil
---@return livechat.Error|nil err
function Agents:update(login, fields) end

--- removes an agent
---@param login string|integer
---@return true|nil done
---@return any result what the service said, or the error
function Agents:delete(login) end

---@class livechat.Tickets
local Tickets = {}

--- one page of 25, last change first
---@param filter? livechat.TicketsListFilter
---@return livechat.Page<livechat.Ticket>|nil
---@return livechat.Error|nil err
function Tickets:list(filter) end

--- each one of the whole list, once; raises what goes wrong
---@param filter? livechat.TicketsListFilter
---@return fun(): livechat.Ticket|nil
function Tickets:each(filter) end

--- one ticket
---@param id string|integer
---@return livechat.Ticket|nil
---@return livechat.Error|nil err
function Tickets:get(id) end

--- creates a ticket
---@param fields livechat.TicketsCreateFields
---@return livechat.Ticket|nil
---@return livechat.Error|nil err
function Tickets:create(fields) end

--- changes a ticket and keeps its tags; tells which fields the service did not take
---@param id string|integer
---@param fields livechat.TicketsUpdateFields
---@return livechat.Ticket|nil
---@return livechat.Error|nil err
function Tickets:update(id, fields) end

--- replaces the ticket's tags
---@param id string|integer
---@param tags (string)[]
---@return livechat.Ticket|nil
---@return livechat.Error|nil err
function Tickets:tag(id, tags) end

--- adds tags to the ticket's own
---@param id string|integer
---@param tags (string)[]
---@return livechat.Ticket|nil
---@return livechat.Error|nil err
function Tickets:add_tags(id, tags) end

--- removes tags; the others stay
---@param id string|integer
---@param tags (string)[]
---@return livechat.Ticket|nil
---@return livechat.Error|nil err
function Tickets:remove_tags(id, tags) end

---@class livechat.Webhooks
local Webhooks = {}

--- all registered webhooks
---@return livechat.Hook[]|nil
---@return livechat.Error|nil err
function Webhooks:list() end

--- registers a URL for an event
---@param fields livechat.WebhooksCreateFields
---@return livechat.Hook|nil
---@return livechat.Error|nil err
function Webhooks:create(fields) end

--- removes a webhook
---@param id string|integer
---@return true|nil done
---@return any result what the service said, or the error
function Webhooks:delete(id) end

---@class livechat.Client
---@field agents livechat.Agents
---@field teams livechat.Teams
---@field tickets livechat.Tickets
---@field webhooks livechat.Webhooks
local Client = {}

--- A client of one account. What is missing comes from LIVECHAT_USERNAME, LIVECHAT_API_KEY,
--- LIVECHAT_ACCESS_TOKEN, LIVECHAT_BASE_URL, LIVECHAT_API and the like. A wrong option raises; a
--- throttle that cannot be shared (another process set other limits) gives nil and an error.
---@param options? livechat.Options
---@return livechat.Client|nil client
---@return livechat.Error|nil err
function livechat.new(options) end

--- A throttle that clients, processes or machines share: see docs/throttle.md.
---@param options livechat.ThrottleOptions
---@return table|nil throttle
---@return livechat.Error|nil err
function livechat.throttle(options) end

--- What receives the service's webhooks: `receiver:on(type, handler)`, then `receiver:handle(body,
--- headers)` for each delivery. Needs a token or credentials to know the service by.
---@param options livechat.ReceiverOptions
---@return livechat.Receiver
function livechat.receiver(options) end

--- A durable queue for a receiver's events: a folder, or a stream of a Redis server.
---@param options string|livechat.InboxOptions the folder's path, or a table
---@return livechat.Inbox
function livechat.inbox(options) end

--- Runs `fn(item, index)` for each item, up to `concurrency` (16) at a time; the client's calls
--- inside overlap: see call/gather.lua.
---@generic T
---@param items T[]
---@param fn fun(item: T, index: integer): ...
---@param options? { concurrency?: integer }
---@return { [integer]: any, n: integer }[] results in the order of the items
function livechat.gather(items, fn, options) end

--- Gives back what it is given, as `assert` does, or raises `err` where the value is nil or false:
--- the error object where the program can show one, else (in nginx, under resty, on Lua 5.1 and
--- 5.2) its text with the caller's line before it.
---@generic T
---@param value T|nil
---@param err? livechat.Error|string
---@return T value
---@return any ... the rest
function livechat.check(value, err, ...) end

--- Epoch seconds of a timestamp in any form of the wire.
---@param timestamp string|number
---@return number|nil seconds nil where it cannot be read
function livechat.time(timestamp) end

--- The library's one text form, `yyyy-MM-ddTHH:mm:ss.fffZ`, of epoch seconds.
---@param seconds number
---@return string|nil timestamp nil outside the years 1 to 9999
function livechat.timestamp(seconds) end

--- Anything else that the service has, through the same throttle, retries and errors.
---@param spec { service?: string, method: string, path: string, query?: table, body?: table }
---   service: the name of one of an API's that has several ("helpdesk"); default the first
---@return any decoded the answer (true where it has no body), or nil
---@return table response { status=, headers=<lower-case names>, seconds=, attempts= }, or the error
function Client:request(spec) end

--- The throttle's state now: `used` calls of `calls` in the last `period` seconds, and the `wait`
--- (seconds) that a call would have. Without a throttle only `used` and `wait`, both 0.
---@return { calls: integer, period: number, used: integer, wait: number }|nil state
---@return livechat.Error|nil err
function Client:throttled() end

--- What was spent of the budget in this calendar month (UTC) by all who share it; `cost` where the
--- budget was told a price for 1000 calls.
---@return { calls: integer, limit: integer, month: string, cost: number|nil }|nil spent
---@return livechat.Error|nil err
function Client:spent() end

--- Wipes the credentials from memory and ends what is in flight with an error of kind `closed`.
--- Idempotent; `__close` and the collector do the same.
function Client:close() end

--- The page after this one; nil after the last, nil and an error where it cannot be had.
---@return livechat.Page|nil page
---@return livechat.Error|nil err
function Page:next() end

--- Registers a handler. Those of one event run in the order of registration, and one that fails
--- does not keep the others from running.
---@param kind string an event's type, or "*" for every event
---@param handler fun(event: livechat.Event)
---@param given? { allow_unknown?: boolean } true: also for a type that the library does not know
---@return livechat.Receiver
function Receiver:on(kind, handler, given) end

---@return livechat.ReceiverStats
function Receiver:stats() end

--- Receives one delivery. Never raises for what is in it.
---@param body string
---@param headers? table<string, string|string[]> names in any case
---@return integer status 200: handled, stored or known; 400: not a webhook; 401: not from the
--- service; 413: larger than max_body; 500: not handled or stored, to be delivered again
---@return string text one line, for the log of the sender
function Receiver:handle(body, headers) end

--- Runs the handlers over what the inbox holds and is due, the oldest first, to its end.
--- An event whose handler failed is due again after a pause that grows, and after `attempts` (10)
--- stays in failed/ with the reason.
---@param given? { limit?: integer, attempts?: integer } limit: so many events at most
---@return integer|nil handled events whose handlers all succeeded
---@return integer|livechat.Error failed events with a handler that failed; an error where the inbox
--- cannot be used
function Receiver:drain(given) end

--- Drains for ever, looking again `poll` (1) seconds after there was nothing to do. In nginx, where
--- it runs in a timer, it ends with the worker.
---@param given? { poll?: number, attempts?: integer }
function Receiver:run(given) end

---@class livechat.Error
---@field kind livechat.ErrorKind
---@field message string
---@field field string|nil the offending field, as "requester.mail" or "groups[2]"
---@field status integer|nil
---@field method string|nil
---@field path string|nil
---@field attempts integer|nil
---@field seconds number|nil the whole call
---@field body string|nil the answer's first 4 KiB, secrets blanked
---@field outcome "not_sent"|"refused"|"unknown"|nil whether the service may have acted
---@field retry_after number|nil seconds
---@field ignored string[]|nil the fields that an update did not take
---@field taken string[]|nil those that it did take: the outcome is then "unknown"
---@field text fun(self: livechat.Error): string the same line as `tostring` gives

---@alias livechat.ErrorKind
---| "invalid" found before anything was sent; `field` names it
---| "auth" 401 or 403
---| "not_found" 404
---| "rejected" any other 4xx, or an update that the service did not take: `ignored`
---| "throttled" 429 to the end, or a wait beyond the deadline: `retry_after`
---| "server" 5xx to the end
---| "network" DNS, connect, TLS, a lost connection
---| "timeout"
---| "protocol" not JSON, truncated, too large, of the wrong shape
---| "cancelled"
---| "closed"

---@class livechat.Options
---@field username? string the account's e-mail address
---@field api_key? string API key or personal access token, sent as HTTP Basic
---@field access_token? string instead of the two: OAuth bearer; `dal:` or `fra:` sets X-Region
---@field api? "v2"|"v3" which of the service's APIs; default "v2"
---@field base_url? string default "https://api.livechatinc.com"
---@field helpdesk_url? string default "https://api.helpdesk.com"; of "v3"
---@field accounts_url? string default "https://accounts.livechat.com"; of "v3"
---@field client_id? string of an app of the account's; of "v3"
---@field timeout? number seconds for an attempt, default 30
---@field connect_timeout? number seconds, default 10
---@field deadline? number seconds for a whole call: throttle, attempts and backoff together
---@field retry? { attempts?: integer, base?: number, cap?: number }|false default 4, 0.5 s, 30 s
---@field throttle? table|false limits or a throttle; default 100 calls in 60 seconds
---@field budget? livechat.BudgetOptions calls a calendar month
---@field verify? boolean the peer's certificate, default true
---@field ca_file? string PEM bundle instead of the system's
---@field proxy? string default: none, whatever the environment says
---@field user_agent? string
---@field max_response? integer bytes of a decoded body, default 64 MiB
---@field reconcile? number|false seconds to look for a ticket whose answer was lost, default 30
---@field on_wait? fun(seconds: number) a call is about to wait for the throttle or a retry
---@field on_attempt? fun(info: table) method, path, status or error, seconds, attempt
---@field on_notice? fun(text: string) once for an endpoint that the service calls deprecated
---@field wait? fun(fd: integer, seconds: number) another event loop's way to wait

---@class livechat.BudgetOptions
---@field calls integer a calendar month (UTC)
---@field price? number what 1000 calls cost, for client:spent()
---@field path? string a file: shared with every process of this machine that names it
---@field mode? string the permission bits of that file, "0600"

---@class livechat.ThrottleOptions
---@field calls? integer 100
---@field period? number seconds; no window of that length, wherever it starts, holds more (60)
---@field guard? number seconds added to the period: calls that leave apart may arrive closer (0.05)
---@field path? string a file: shared with every process of this machine that names it
---@field mode? string the permission bits of that file, "0600"
---@field redis? livechat.Redis a connection: shared with all who name the same server and key
---@field key? string
---@field fallback? "local" what to do while that server cannot be reached, other than fail
---@field share? number then: this process's part of the calls (0.1)

---@class livechat.ReceiverOptions
---@field token? string|string[]|false the registration's; false accepts any
---@field basic_auth? { user: string, password: string } where the registered URL carries them
---@field license_id? string
---@field max_body? integer bytes; 2^20
---@field client? livechat.Client makes event.ticket a live one
---@field inbox? livechat.Inbox
---@field on_error? fun(text: string, event: livechat.Event|nil) a handler failed (with its
--- traceback), or the inbox; by default the program's error log

---@class livechat.Inbox
---@field fault livechat.ErrorKind the kind of the error that trouble with it is told as
---@field exists fun(self: livechat.Inbox): boolean|nil, string|nil
---@field store fun(self: livechat.Inbox, id: string, text: string): "stored"|"known"|nil,
--- string|nil
---@field claim fun(self: livechat.Inbox): livechat.Claim|nil, string|nil
---@field done fun(self: livechat.Inbox, claim: livechat.Claim): true|nil, string|nil
---@field later fun(self: livechat.Inbox, claim: livechat.Claim, seconds: number,
--- report: livechat.Report): true|nil, string|nil
---@field fail fun(self: livechat.Inbox, claim: livechat.Claim, report: livechat.Report): true|nil,
--- string|nil
---@field release fun(self: livechat.Inbox, claim: livechat.Claim): true|nil, string|nil
---@field list fun(self: livechat.Inbox): table[]|nil, string|nil
---@field retry fun(self: livechat.Inbox, id: string): true|nil, string|nil
---@field purge fun(self: livechat.Inbox, id: string): true|nil, string|nil
---@field sweep fun(self: livechat.Inbox, now: number|nil)

---@class livechat.Claim
---@field id string
---@field text string the event, as it was stored
---@field attempts integer this one included
---@field handled string[] the handlers that have already succeeded
---@field problem string|nil why the attempt could not be counted

---@alias livechat.Report { error: string, handled: string[] }

---@class livechat.Event
---@field type string
---@field id string the wire's, else derived from the content: the same for a redelivery
---@field license_id string|nil
---@field chat table|nil
---@field visitor table|nil
---@field pre_chat_survey table[]|nil
---@field ticket livechat.Ticket|nil live where the receiver was given a client
---@field canned_response table|nil
---@field raw fun(self: livechat.Event): table

---@class livechat.InboxOptions
---@field path? string
---@field mode? string of the files, "0600"; "0660" shares them with a group
---@field redis? livechat.Redis instead of a path
---@field stream? string its key there, "livechat:inbox"
---@field lease? number seconds (300) after which who has not finished an event is taken for dead

---@class livechat.ReceiverStats what happened since this receiver was made, in this process
---@field came integer deliveries
---@field refused table<string, integer> deliveries answered with 400, 401 or 413, by the reason:
--- "too_large", "not_json", "token", "basic_auth", "license_id", "no_event"
---@field known integer deliveries of what was handled or stored already
---@field stored integer events that went into the inbox
---@field not_stored integer deliveries that an inbox in trouble did not take
---@field handled integer events whose handlers all succeeded
---@field failed integer attempts at events with a handler that failed

return livechat
