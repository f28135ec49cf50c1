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
---@field ID? string helpdesk only
---@field account_id? string v3 only
---@field awaiting_approval? boolean v3 only
---@field daily_summary? integer v2, v3 only
---@field group_ids? (integer)[] v2 only
---@field groups? livechat.GroupRef[] v2, v3 only
---@field id? string v3 only
---@field last_logout? string v2, v3 only
---@field license_id? string v2 only
---@field login? string v3 only
---@field max_chats_count? integer v2, v3 only
---@field notifications? table<string, integer> v2, v3 only
---@field suspended? boolean v3 only
---@field work_scheduler? table<string, livechat.Day> v2, v3 only

---@class livechat.Answer
---@field id? string v2 only
---@field key? string v2 only
---@field value? string|number|boolean v2 only

---@class livechat.CannedResponse
---@field creation_date? string v2 only
---@field group? integer v2 only
---@field id? string helpdesk, v2 only
---@field modification_date? string v2 only
---@field tags? (string)[] v2 only
---@field text? string v2 only

---@class livechat.Chat
---@field agents? (livechat.ChatAgent)[] v2, v3 only
---@field attachments? (any)[] v2 only
---@field custom_variables? (livechat.CustomVariable)[] v2 only
---@field duration? integer v2 only
---@field ended? table<string, any> v2 only
---@field ended_timestamp? string v2, v3 only
---@field events? (livechat.ChatLine)[] v2 only
---@field goal? livechat.ChatGoal v2 only
---@field goals? (livechat.ChatGoal)[] v2 only
---@field group? livechat.GroupRef[] v2 only
---@field groups? livechat.GroupRef[] v2, v3 only
---@field id? string v2, v3 only
---@field integration_variables? (livechat.CustomVariable)[] v2 only
---@field messages? (livechat.ChatLine)[] v2, v3 only
---@field pending? boolean v2 only
---@field postchat_survey? (livechat.Answer)[] v2 only
---@field pre_chat_survey? (livechat.SurveyItem)[] v3 only
---@field prechat_survey? (livechat.Answer)[] v2 only
---@field queue? livechat.Queue v2 only
---@field referer? string v2 only
---@field started? table<string, any> v2 only
---@field started_timestamp? string v2, v3 only
---@field supervisors? (livechat.ChatAgent)[] v2 only
---@field tags? (string)[] v2, v3 only
---@field timezone? string v2 only
---@field type? string v2 only
---@field url? string v2 only
---@field visitor? livechat.Visitor v2, v3 only
---@field visitor_id? string v2 only

---@class livechat.ChatAgent
---@field display_name? string v2 only
---@field email? string v2 only
---@field login? string v2, v3 only
---@field name? string v2 only

---@class livechat.ChatGoal
---@field date? table<string, any> v2 only
---@field id? string v2 only
---@field timestamp? string v2 only

---@class livechat.ChatLine
---@field agent_id? string v2, v3 only
---@field author_name? string v2, v3 only
---@field date? table<string, any> v2 only
---@field id? string v3 only
---@field json? string v2 only
---@field text? string v2, v3 only
---@field timestamp? string v2, v3 only
---@field type? string v2 only
---@field user_type? string v2 only

---@class livechat.CustomVariable
---@field key? string v2, v3 only
---@field value? string|number|boolean v2 only

---@class livechat.Customer
---@field created_at? string v3 only
---@field id? string v3 only

---@class livechat.Day
---@field enabled? integer v2, v3 only

---@class livechat.Goal
---@field active? integer v2 only
---@field id? string v2 only
---@field name? string v2 only

---@class livechat.Greeting
---@field active? boolean v2 only
---@field id? string v2 only
---@field name? string v2 only
---@field rules? (livechat.Rule)[] v2 only

---@class livechat.Group
---@field agents? (string)[] v2 only
---@field id? integer v2, v3 only

---@class livechat.Hook
---@field createdAt? string helpdesk only
---@field data_types? (any)[] v2 only
---@field id? string
---@field licence? integer v2 only
---@field licenseID? string helpdesk only
---@field updatedAt? string helpdesk only
---@field verified? boolean v2 only

---@class livechat.Queue
---@field duration? integer v2 only

---@class livechat.Rule
---@field id? string v2 only
---@field operator? string v2 only
---@field type? string v2 only
---@field urls? (any)[] v2 only
---@field value? string|number|boolean v2 only

---@class livechat.Source
---@field id? string v2 only
---@field type? string helpdesk, v2 only
---@field url? string helpdesk, v2 only

---@class livechat.Span
---@field date? string v2 only
---@field from? string v2 only
---@field to? string v2 only

---@class livechat.Status
---@field agent_id? string v3 only

---@class livechat.SurveyAnswer
---@field chosen? boolean v2, v3 only
---@field label? string v2 only

---@class livechat.SurveyItem
---@field answer? string|string|number|boolean v2, v3 only
---@field answers? (livechat.SurveyAnswer)[] v2, v3 only
---@field id? string v2, v3 only
---@field label? string v2 only
---@field type? string v2 only

---@class livechat.Tag
---@field author? string v2 only
---@field count? table<string, integer> v2 only
---@field created_at? string v3 only
---@field creation_date? string
---@field group? integer v2, v3 only
---@field group_ids? (integer)[] v3 only
---@field id? string helpdesk only
---@field licenseID? string helpdesk only
---@field name? string v2 only
---@field updatedAt? string helpdesk only

---@class livechat.Team
---@field id? string helpdesk only
---@field licenseID? string helpdesk only

---@class livechat.Ticket
---@field assignee? livechat.Person helpdesk, v2 only
---@field cc? (livechat.Person)[] helpdesk only
---@field currentGroup? livechat.Person|livechat.GroupRef helpdesk, v2 only
---@field date? string helpdesk, v2 only
---@field events? (livechat.TicketEvent)[] helpdesk, v2 only
---@field firstResponse? livechat.Span v2 only
---@field followers? (string)[] helpdesk only
---@field groups? (livechat.Person)[]|livechat.GroupRef[] helpdesk, v2 only
---@field id? string helpdesk, v2 only
---@field lastMessageAt? string helpdesk only
---@field licenseID? string helpdesk only
---@field modified? string helpdesk, v2 only
---@field opened? (livechat.Span)[] v2 only
---@field priority? integer helpdesk only
---@field requester? livechat.Person helpdesk, v2 only
---@field source? livechat.Source helpdesk, v2 only
---@field status? string helpdesk, v2 only
---@field subject? string helpdesk, v2 only
---@field tags? (string)[] helpdesk, v2 only

---@class livechat.TicketEvent
---@field author? livechat.Person helpdesk, v2 only
---@field date? string helpdesk, v2 only
---@field id? string helpdesk only
---@field is_private? boolean helpdesk, v2 only
---@field message? string helpdesk, v2 only
---@field source? livechat.Source helpdesk, v2 only
---@field to? livechat.Person v2 only
---@field type? string helpdesk, v2 only

---@class livechat.Transaction

---@class livechat.VisitedPage
---@field time? table<string, any> v2 only
---@field time_ts? string v2 only

---@class livechat.Visitor
---@field chat_id? string v2 only
---@field chat_start_time? table<string, any> v2 only
---@field chat_start_time_ts? string v2 only
---@field chats? integer v2 only
---@field city? string v2 only
---@field country? string v2 only
---@field custom_variables? (livechat.CustomVariable)[] v2, v3 only
---@field email? string v2 only
---@field greetings_accepted? integer v2 only
---@field greetings_all? integer v2 only
---@field greetings_refused? integer v2 only
---@field group? integer v2 only
---@field id? string v2, v3 only
---@field language? string v2 only
---@field last_visit? table<string, any> v2 only
---@field last_visit_ts? string v2 only
---@field name? string v2 only
---@field operators? (livechat.Person)[] v2 only
---@field page_current? string v2 only
---@field page_entered? table<string, any> v2 only
---@field page_entered_ts? string v2 only
---@field page_time? table<string, any> v2 only
---@field page_time_ts? string v2 only
---@field page_views? integer v2 only
---@field prechat_survey? (livechat.Answer)[] v2 only
---@field timezone? string v2 only
---@field visit_path? (livechat.VisitedPage)[] v2 only
---@field visits? integer v2 only

---@class livechat.AgentsCreateFields
---@field daily_summary? boolean|0|1 v2, v3 only
---@field groups? (integer|string|livechat.GroupRef)[] v2, v3 only
---@field job_title? string v2, v3 only
---@field login? string v2, v3 only
---@field login_status? "accepting chats"|"not accepting chats" v2, v3 only
---@field max_chats_count? integer v2, v3 only
---@field mobile? string v3 only
---@field name? string v2, v3 only
---@field notifications? livechat.AgentsCreateFieldsNotifications v2, v3 only
---@field password? string|any v2, v3 only
---@field permission? livechat.AgentsCreateFieldsPermission v2, v3 only
---@field work_scheduler? table<string, livechat.AgentsCreateFieldsWorkScheduler> v3 only

---@alias livechat.AgentsCreateFieldsPermission
---| "administrator"
---| "normal"
---| "administrator"
---| "normal"
---| "viceowner"

---@class livechat.AgentsCreateFieldsNotifications
---@field inactive_notifications? boolean|0|1 v3 only
---@field incoming_chat? boolean|0|1 v2, v3 only
---@field incoming_message_for_focused_chat? boolean|0|1 v3 only
---@field mute_all_sounds? boolean|0|1 v3 only
---@field new_goal? boolean|0|1 v2, v3 only
---@field new_visitor? boolean|0|1 v2, v3 only
---@field queued_visitor? boolean|0|1 v2, v3 only
---@field repeat_sound_notifications? boolean|0|1 v3 only
---@field returning_visitor? boolean|0|1 v2, v3 only
---@field ticket? boolean|0|1 v3 only
---@field ticket_notifications? boolean|0|1 v3 only
---@field unassigned_chat_messages? boolean|0|1 v3 only
---@field unassigned_chats? boolean|0|1 v3 only
---@field visitor_is_typing? boolean|0|1 v2, v3 only

---@class livechat.AgentsCreateFieldsWorkScheduler
---@field enabled? boolean|0|1 v3 only
---@field end? string v3 only
---@field more? (livechat.AgentsCreateFieldsWorkSchedulerMore)[] v3 only
---@field start? string v3 only

---@class livechat.AgentsCreateFieldsWorkSchedulerMore
---@field enabled? boolean|0|1 v3 only
---@field end? string v3 only
---@field start? string v3 only

---@class livechat.AgentsListFilter
---@field status? "accepting chats"|"not accepting chats"|"offline" v2, v3 only

---@class livechat.AgentsUpdateFields
---@field current_password? string v2 only
---@field daily_summary? boolean|0|1 v2, v3 only
---@field groups? (integer|string|livechat.GroupRef)[] v2, v3 only
---@field job_title? string v2, v3 only
---@field login_status? "accepting chats"|"not accepting chats" v2, v3 only
---@field max_chats_count? integer v2, v3 only
---@field mobile? string v3 only
---@field name? string v2, v3 only
---@field notifications? livechat.AgentsUpdateFieldsNotifications v2, v3 only
---@field password? string|any v2, v3 only
---@field permission? livechat.AgentsUpdateFieldsPermission v2, v3 only
---@field status? livechat.AgentsUpdateFieldsStatus v2, v3 only
---@field work_scheduler? table<string, livechat.AgentsUpdateFieldsWorkScheduler> v2, v3 only

---@alias livechat.AgentsUpdateFieldsPermission
---| "administrator"
---| "normal"
---| "administrator"
---| "normal"
---| "viceowner"

---@alias livechat.AgentsUpdateFieldsStatus
---| "accepting chats"
---| "not accepting chats"
---| "offline"
---| "accepting chats"
---| "not accepting chats"

---@class livechat.AgentsUpdateFieldsNotifications
---@field inactive_notifications? boolean|0|1 v3 only
---@field incoming_chat? boolean|0|1 v3 only
---@field incoming_message_for_focused_chat? boolean|0|1 v3 only
---@field mute_all_sounds? boolean|0|1 v3 only
---@field new_goal? boolean|0|1 v3 only
---@field new_visitor? boolean|0|1 v2, v3 only
---@field queued_visitor? boolean|0|1 v2, v3 only
---@field repeat_sound_notifications? boolean|0|1 v3 only
---@field returning_visitor? boolean|0|1 v2, v3 only
---@field ticket? boolean|0|1 v3 only
---@field ticket_notifications? boolean|0|1 v3 only
---@field unassigned_chat_messages? boolean|0|1 v3 only
---@field unassigned_chats? boolean|0|1 v3 only
---@field visitor_is_typing? boolean|0|1 v2, v3 only

---@class livechat.AgentsUpdateFieldsWorkScheduler
---@field enabled? boolean|0|1 v2, v3 only
---@field end? string v2, v3 only
---@field more? (livechat.AgentsUpdateFieldsWorkSchedulerMore)[] v3 only
---@field start? string v2, v3 only

---@class livechat.AgentsUpdateFieldsWorkSchedulerMore
---@field enabled? boolean|0|1 v3 only
---@field end? string v3 only
---@field start? string v3 only

---@class livechat.CannedResponsesCreateFields
---@field group? integer|string|livechat.GroupRef v2 only
---@field tags? (string)[] v2 only
---@field text? string v2 only

---@class livechat.CannedResponsesListFilter
---@field group? integer|string|livechat.GroupRef v2 only

---@class livechat.CannedResponsesUpdateFields
---@field tags? (string)[] v2 only
---@field text? string v2 only

---@class livechat.ChatsListFilter
---@field active? boolean|0|1 v3 only
---@field agent? string v2, v3 only
---@field city? string v2 only
---@field comment? boolean|0|1 v2 only
---@field country? string v2 only
---@field date_from? string v2, v3 only
---@field date_to? string v2, v3 only
---@field goal? integer v2 only
---@field group? integer|string|livechat.GroupRef v2, v3 only
---@field has_goal? boolean|0|1 v2 only
---@field has_sale? boolean|0|1 v2 only
---@field include_pending? boolean|0|1 v2 only
---@field limit? integer v3 only
---@field order? "asc"|"desc" v3 only
---@field page? integer v2 only
---@field page_id? string v3 only
---@field query? string v2, v3 only
---@field queued? boolean|0|1 v2 only
---@field rate? "rated"|"not_rated"|"rated_good"|"rated_bad" v2 only
---@field region? string v2 only
---@field sale? integer v2 only
---@field tag? (string)[] v2, v3 only
---@field tagged? boolean|0|1 v2, v3 only
---@field timezone? string v2 only
---@field visitor_email? string v3 only
---@field visitor_id? string v2, v3 only

---@class livechat.ChatsSendFields
---@field text? string v3 only
---@field to? "all"|"agents" v3 only

---@class livechat.ChatsTransferFields
---@field agent? string v3 only
---@field group? integer|string|livechat.GroupRef v3 only

---@class livechat.CustomersUpdateFields
---@field avatar? string v3 only
---@field email? string v3 only
---@field name? string v3 only
---@field phone_number? string v3 only
---@field session_fields? table<string, string> v3 only

---@class livechat.GoalsCreateFields
---@field active? boolean|0|1 v2 only
---@field currency? string v2 only
---@field custom_variable_name? string v2 only
---@field custom_variable_value? any v2 only
---@field match_type? "substring"|"exact" v2 only
---@field name? string v2 only
---@field order_field_name? string v2 only
---@field sales_tracker_id? any v2 only
---@field time_range? any v2 only
---@field type? "custom_variable"|"url"|"api"|"sales_tracker" v2 only
---@field url? string v2 only
---@field value? any v2 only
---@field value_field_name? string v2 only
---@field value_type? "set"|"not_set"|"dynamic" v2 only

---@class livechat.GoalsListFilter
---@field type? "custom_variable"|"url"|"api"|"sales_tracker" v2 only

---@class livechat.GoalsReachFields
---@field order_currency? string v2 only
---@field order_description? string v2 only
---@field order_id? any v2 only
---@field order_price? any v2 only
---@field visitor_id? string v2 only

---@class livechat.GoalsUpdateFields
---@field active? boolean|0|1 v2 only
---@field currency? string v2 only
---@field custom_variable_name? string v2 only
---@field custom_variable_value? any v2 only
---@field match_type? "substring"|"exact" v2 only
---@field name? string v2 only
---@field order_field_name? string v2 only
---@field sales_tracker_id? any v2 only
---@field time_range? any v2 only
---@field type? "custom_variable"|"url"|"api"|"sales_tracker" v2 only
---@field url? string v2 only
---@field value? any v2 only
---@field value_field_name? string v2 only
---@field value_type? "set"|"not_set"|"dynamic" v2 only

---@class livechat.GreetingsCreateFields
---@field active? boolean|0|1 v2 only
---@field group? integer|string|livechat.GroupRef v2 only
---@field name? string v2 only
---@field rules? (livechat.GreetingsCreateFieldsRules)[] v2 only
---@field subtype? "announcement" v2 only

---@class livechat.GreetingsCreateFieldsRules
---@field condition? "and" v2 only
---@field id? any v2 only
---@field operator? livechat.GreetingsCreateFieldsRulesOperator v2 only
---@field type? livechat.GreetingsCreateFieldsRulesType v2 only
---@field urls? (livechat.GreetingsCreateFieldsRulesUrls)[] v2 only
---@field value? any v2 only
---@field variable_name? string v2 only
---@field variable_value? any v2 only

---@alias livechat.GreetingsCreateFieldsRulesOperator
---| "equals"
---| "doesnt_equal"
---| "lower_than"
---| "lower_or_equal"
---| "greater_than"
---| "greater_or_equal"
---| "contains"
---| "doesnt_contain"

---@alias livechat.GreetingsCreateFieldsRulesType
---| "visit_time_site"
---| "visit_time_page"
---| "url_current"
---| "url_visited"
---| "pages_view_number"
---| "url_referrer"
---| "geolocation"
---| "visits_number"
---| "search_keyword"
---| "custom_variable"
---| "custom"
---| "url_funnel"

---@class livechat.GreetingsCreateFieldsRulesUrls
---@field operator? livechat.GreetingsCreateFieldsRulesUrlsOperator v2 only
---@field url? string v2 only

---@alias livechat.GreetingsCreateFieldsRulesUrlsOperator
---| "equals"
---| "doesnt_equal"
---| "lower_than"
---| "lower_or_equal"
---| "greater_than"
---| "greater_or_equal"
---| "contains"
---| "doesnt_contain"

---@class livechat.GreetingsListFilter
---@field group? integer|string|livechat.GroupRef v2 only

---@class livechat.GreetingsUpdateFields
---@field active? boolean|0|1 v2 only
---@field message? string v2 only
---@field name? string v2 only
---@field rules? (livechat.GreetingsUpdateFieldsRules)[] v2 only

---@class livechat.GreetingsUpdateFieldsRules
---@field condition? "and" v2 only
---@field id? any v2 only
---@field operator? livechat.GreetingsUpdateFieldsRulesOperator v2 only
---@field type? livechat.GreetingsUpdateFieldsRulesType v2 only
---@field urls? (livechat.GreetingsUpdateFieldsRulesUrls)[] v2 only
---@field value? any v2 only
---@field variable_name? string v2 only
---@field variable_value? any v2 only

---@alias livechat.GreetingsUpdateFieldsRulesOperator
---| "equals"
---| "doesnt_equal"
---| "lower_than"
---| "lower_or_equal"
---| "greater_than"
---| "greater_or_equal"
---| "contains"
---| "doesnt_contain"

---@alias livechat.GreetingsUpdateFieldsRulesType
---| "visit_time_site"
---| "visit_time_page"
---| "url_current"
---| "url_visited"
---| "pages_view_number"
---| "url_referrer"
---| "geolocation"
---| "visits_number"
---| "search_keyword"
---| "custom_variable"
---| "custom"
---| "url_funnel"

---@class livechat.GreetingsUpdateFieldsRulesUrls
---@field operator? livechat.GreetingsUpdateFieldsRulesUrlsOperator v2 only
---@field url? string v2 only

---@alias livechat.GreetingsUpdateFieldsRulesUrlsOperator
---| "equals"
---| "doesnt_equal"
---| "lower_than"
---| "lower_or_equal"
---| "greater_than"
---| "greater_or_equal"
---| "contains"
---| "doesnt_contain"

---@class livechat.GroupsCreateFields
---@field agents? (string)[] v2, v3 only
---@field language? string v2, v3 only
---@field name? string v2, v3 only

---@class livechat.GroupsListFilter

---@class livechat.GroupsUpdateFields
---@field agents? (string)[] v2, v3 only
---@field language? string v2, v3 only
---@field name? string v2, v3 only

---@class livechat.ReportsGetFilter
---@field agent? string v2 only
---@field agents? (string)[] v2 only
---@field currency? string v2 only
---@field date_from? string v2 only
---@field date_to? string v2 only
---@field goal? integer v2 only
---@field greeting? integer v2 only
---@field group? integer|string|livechat.GroupRef v2 only
---@field group_by? "hour"|"day"|"month" v2 only
---@field groups? (integer|string|livechat.GroupRef)[] v2 only
---@field sales_tracker? integer v2 only
---@field tag? (string)[] v2 only
---@field timezone? string v2 only
---@field weekday? "mon"|"tue"|"wed"|"thu"|"fri"|"sat"|"sun" v2 only

---@class livechat.TagsCreateFields
---@field author? string v2, v3 only
---@field group? any|integer|string|livechat.GroupRef
---@field name? string helpdesk only
---@field tag? string v2, v3 only

---@class livechat.TagsDeleteFields
---@field group? integer|string|livechat.GroupRef v2 only

---@class livechat.TagsListFilter
---@field group? integer|string|livechat.GroupRef v2, v3 only

---@class livechat.TicketsCreateFields
---@field assignee? livechat.TicketsCreateFieldsAssignee helpdesk, v2 only
---@field attachments? (any)[] helpdesk only
---@field author? "client"|"agent" helpdesk only
---@field cc? (livechat.TicketsCreateFieldsCc)[] helpdesk only
---@field create_tags? boolean|0|1 helpdesk only
---@field custom_fields? table<string, string> helpdesk only
---@field followers? (string)[] helpdesk only
---@field group? any|(integer|string|livechat.GroupRef)[] helpdesk, v2 only
---@field message? string helpdesk, v2 only
---@field priority? "-10"|"0"|"10"|"20" helpdesk only
---@field requester? livechat.TicketsCreateFieldsRequester helpdesk, v2 only
---@field source? livechat.TicketsCreateFieldsSource helpdesk, v2 only
---@field status? "open"|"pending"|"onhold"|"solved"|"closed" helpdesk only
---@field subject? string helpdesk, v2 only
---@field tags? (string)[] helpdesk only

---@class livechat.TicketsCreateFieldsAssignee
---@field id? string helpdesk, v2 only

---@class livechat.TicketsCreateFieldsCc
---@field mail? string helpdesk only
---@field name? string helpdesk only

---@class livechat.TicketsCreateFieldsRequester
---@field mail? string helpdesk, v2 only
---@field name? string helpdesk, v2 only

---@class livechat.TicketsCreateFieldsSource
---@field type? string|"chat-window"|"mail"|"lc2" helpdesk, v2 only
---@field url? string helpdesk, v2 only

---@class livechat.TicketsListFilter
---@field agent? (string)[] v2 only
---@field assigned? boolean|0|1 helpdesk, v2 only
---@field assignee? string helpdesk, v2 only
---@field date_from? string helpdesk, v2 only
---@field date_to? string helpdesk, v2 only
---@field group? any|integer|string|livechat.GroupRef helpdesk, v2 only
---@field modified_from? string helpdesk only
---@field modified_to? string helpdesk only
---@field order? "asc"|"desc" helpdesk, v2 only
---@field page? integer helpdesk, v2 only
---@field query? string helpdesk, v2 only
---@field requester? livechat.TicketsListFilterRequester helpdesk, v2 only
---@field silo? "tickets"|"archive"|"trash"|"spam" helpdesk only
---@field source? "lc2"|"mail"|"facebook"|"agent-app-manual"|"chat-window" v2 only
---@field source_id? string v2 only
---@field status? livechat.TicketsListFilterStatus helpdesk, v2 only
---@field tag? string helpdesk, v2 only
---@field tagged? boolean|0|1 helpdesk, v2 only

---@alias livechat.TicketsListFilterStatus
---| "open"
---| "pending"
---| "onhold"
---| "solved"
---| "closed"
---| "spam"
---| "open"
---| "pending"
---| "solved"
---| "spam"

---@class livechat.TicketsListFilterRequester
---@field mail? string helpdesk, v2 only

---@class livechat.TicketsReplyFields
---@field attachments? (any)[] helpdesk only
---@field author? "client"|"agent" helpdesk only
---@field message? string helpdesk only
---@field private? boolean|0|1 helpdesk only
---@field status? "open"|"pending"|"onhold"|"solved"|"closed" helpdesk only

---@class livechat.TicketsUpdateFields
---@field assignee? livechat.TicketsUpdateFieldsAssignee helpdesk, v2 only
---@field attachments? (any)[] helpdesk only
---@field author? "client"|"agent" helpdesk only
---@field cc? (livechat.TicketsUpdateFieldsCc)[] helpdesk only
---@field create_tags? boolean|0|1 helpdesk only
---@field custom_fields? table<string, string> helpdesk only
---@field followers? (string)[] helpdesk only
---@field group? any helpdesk only
---@field message? string helpdesk, v2 only
---@field priority? "-10"|"0"|"10"|"20" helpdesk only
---@field private? boolean|0|1 helpdesk only
---@field requester? livechat.TicketsUpdateFieldsRequester helpdesk, v2 only
---@field source? livechat.TicketsUpdateFieldsSource v2 only
---@field status? "open"|"pending"|"onhold"|"solved"|"closed" helpdesk only
---@field subject? string helpdesk, v2 only
---@field tags? (string)[] helpdesk, v2 only

---@class livechat.TicketsUpdateFieldsAssignee
---@field id? string helpdesk, v2 only

---@class livechat.TicketsUpdateFieldsCc
---@field mail? string helpdesk only
---@field name? string helpdesk only

---@class livechat.TicketsUpdateFieldsRequester
---@field mail? string helpdesk, v2 only
---@field name? string helpdesk, v2 only

---@class livechat.TicketsUpdateFieldsSource
---@field type? "chat-window"|"mail"|"lc2" v2 only
---@field url? string v2 only

---@class livechat.VisitorsDetailsFields
---@field fields? (livechat.VisitorsDetailsFieldsFields)[] v2 only
---@field icon? string v2 only
---@field id? string v2 only

---@class livechat.VisitorsDetailsFieldsFields
---@field name? string v2 only
---@field url? string v2 only
---@field value? any v2 only

---@class livechat.VisitorsListFilter
---@field count? boolean|0|1 v2 only
---@field group? (integer|string|livechat.GroupRef)[] v2 only
---@field state? string v2 only

---@class livechat.WebhooksCreateFields
---@field additional_data? ("chat_properties"|"chat_presence_user_ids")[] v3 only
---@field data_types? (string)[]
---@field description? string v3 only
---@field event_type livechat.WebhooksCreateFieldsEventType
---@field filters? livechat.WebhooksCreateFieldsFilters v3 only
---@field secret? string helpdesk, v3 only
---@field type? "license"|"bot" v3 only
---@field url string

---@alias livechat.WebhooksCreateFieldsEventType
---| "ticket_created"
---| "tickets.create"
---| "tickets.update"
---| "tickets.statusChange"
---| "tickets.events.status"
---| "tickets.events.priority"
---| "tickets.events.assignment"
---| "tickets.events.message"
---| "tickets.events.tags"
---| "tickets.events.followers"
---| "canned_response_changed"
---| "chat_changed"
---| "chat_ended"
---| "chat_started"
---| "ticket_created"
---| "visitor_queued"
---| "agent_approved"
---| "agent_created"
---| "agent_deleted"
---| "agent_suspended"
---| "agent_unsuspended"
---| "agent_updated"
---| "auto_accesses_updated"
---| "bot_created"
---| "bot_deleted"
---| "bot_updated"
---| "chat_access_updated"
---| "chat_deactivated"
---| "chat_ended"
---| "chat_properties_deleted"
---| "chat_properties_updated"
---| "chat_started"
---| "chat_transferred"
---| "customer_session_fields_updated"
---| "event_deleted"
---| "event_properties_deleted"
---| "event_properties_updated"
---| "event_updated"
---| "events_marked_as_seen"
---| "group_created"
---| "group_deleted"
---| "group_updated"
---| "incoming_chat"
---| "incoming_event"
---| "incoming_rich_message_postback"
---| "routing_status_set"
---| "tag_created"
---| "tag_deleted"
---| "tag_updated"
---| "thread_properties_deleted"
---| "thread_properties_updated"
---| "thread_summary_set"
---| "thread_tagged"
---| "thread_untagged"
---| "user_added_to_chat"
---| "user_removed_from_chat"

---@class livechat.WebhooksCreateFieldsFilters
---@field agent_ids? livechat.WebhooksCreateFieldsFiltersAgentIds v3 only
---@field author_type? "customer"|"agent" v3 only
---@field chat_presence? livechat.WebhooksCreateFieldsFiltersChatPresence v3 only
---@field only_my_chats? any v3 only
---@field source_type? ("my_client"|"other_clients"|"system")[] v3 only

---@class livechat.WebhooksCreateFieldsFiltersAgentIds
---@field exclude_values? (string)[] v3 only
---@field values? (string)[] v3 only

---@class livechat.WebhooksCreateFieldsFiltersChatPresence
---@field my_bots? any v3 only
---@field user_ids? livechat.WebhooksCreateFieldsFiltersChatPresenceUserIds v3 only

---@class livechat.WebhooksCreateFieldsFiltersChatPresenceUserIds
---@field exclude_values? (string)[] v3 only
---@field values? (string)[] v3 only

---@class livechat.WebhooksListFilter

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

--- changes a ticket, and keeps its team; a message is mailed, a private one is a note
---@param fields livechat.TicketsUpdateFields
---@return livechat.Ticket|nil
---@return livechat.Error|nil err
function Ticket:update(fields) end

--- mails a reply to the requester, or writes a private note
---@param fields livechat.TicketsReplyFields
---@return livechat.Ticket|nil
---@return livechat.Error|nil err
function Ticket:reply(fields) end

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

--- puts a ticket into the trash
---@return true|nil done
---@return any result what the service said, or the error
function Ticket:delete() end

--- puts another ticket into this one, which keeps its team
---@param child_id string|integer
---@return livechat.Ticket|nil
---@return livechat.Error|nil err
function Ticket:merge(child_id) end

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

---@class livechat.Group
local Group = {}

---@return table
function Group:totable() end

---@return table
function Group:raw() end

---@return livechat.Group
function Group:discard() end

---@return livechat.Group|nil
---@return livechat.Error|nil err
function Group:reload() end

---@return livechat.Group|nil
---@return livechat.Error|nil err
function Group:save() end

--- changes what is given; `agents` replaces the list
---@param fields livechat.GroupsUpdateFields
---@return livechat.Group|nil
---@return livechat.Error|nil err
function Group:update(fields) end

--- removes a group
---@return true|nil done
---@return any result what the service said, or the error
function Group:delete() end

---@class livechat.CannedResponse
local CannedResponse = {}

---@return table
function CannedResponse:totable() end

---@return table
function CannedResponse:raw() end

---@return livechat.CannedResponse
function CannedResponse:discard() end

---@return livechat.CannedResponse|nil
---@return livechat.Error|nil err
function CannedResponse:reload() end

---@return livechat.CannedResponse|nil
---@return livechat.Error|nil err
function CannedResponse:save() end

--- changes what is given; `tags` replaces the list
---@param fields livechat.CannedResponsesUpdateFields
---@return livechat.CannedResponse|nil
---@return livechat.Error|nil err
function CannedResponse:update(fields) end

--- removes a canned response
---@return true|nil done
---@return any result what the service said, or the error
function CannedResponse:delete() end

---@class livechat.Chat
local Chat = {}

---@return table
function Chat:totable() end

---@return table
function Chat:raw() end

---@return livechat.Chat
function Chat:discard() end

---@return livechat.Chat|nil
---@return livechat.Error|nil err
function Chat:reload() end

---@return livechat.Chat|nil
---@return livechat.Error|nil err
function Chat:save() end

--- replaces the chat's tags
---@param tags (string)[]
---@return livechat.Chat|nil
---@return livechat.Error|nil err
function Chat:tag(tags) end

--- mails the chat to an address
---@param tos string
---@return true|nil done
---@return any result what the service said, or the error
function Chat:send_transcript(tos) end

---@class livechat.Goal
local Goal = {}

---@return table
function Goal:totable() end

---@return table
function Goal:raw() end

---@return livechat.Goal
function Goal:discard() end

---@return livechat.Goal|nil
---@return livechat.Error|nil err
function Goal:reload() end

---@return livechat.Goal|nil
---@return livechat.Error|nil err
function Goal:save() end

--- changes what is given
---@param fields livechat.GoalsUpdateFields
---@return livechat.Goal|nil
---@return livechat.Error|nil err
function Goal:update(fields) end

--- removes a goal; chats that reached it keep it
---@return true|nil done
---@return any result what the service said, or the error
function Goal:delete() end

--- says that a visitor has reached it, perhaps by an order
---@param fields livechat.GoalsReachFields
---@return true|nil done
---@return any result what the service said, or the error
function Goal:reach(fields) end

---@class livechat.Greeting
local Greeting = {}

---@return table
function Greeting:totable() end

---@return table
function Greeting:raw() end

---@return livechat.Greeting
function Greeting:discard() end

---@return livechat.Greeting|nil
---@return livechat.Error|nil err
function Greeting:reload() end

---@return livechat.Greeting|nil
---@return livechat.Error|nil err
function Greeting:save() end

--- changes what is given; `rules` replaces the list
---@param fields livechat.GreetingsUpdateFields
---@return livechat.Greeting|nil
---@return livechat.Error|nil err
function Greeting:update(fields) end

--- removes a greeting
---@return true|nil done
---@return any result what the service said, or the error
function Greeting:delete() end

--- says something in a chat that one is in; gives true and the event's id
---@param fields livechat.ChatsSendFields
---@return true|nil done
---@return any result what the service said, or the error
function Chat:send(fields) end

--- takes a tag away
---@param thread string|integer
---@param tag string|integer
---@return true|nil done
---@return any result what the service said, or the error
function Chat:untag(thread, tag) end

--- hands a chat to a group or an agent
---@param fields livechat.ChatsTransferFields
---@return true|nil done
---@return any result what the service said, or the error
function Chat:transfer(fields) end

--- ends a chat
---@return true|nil done
---@return any result what the service said, or the error
function Chat:close() end

--- hears of a chat
---@return true|nil done
---@return any result what the service said, or the error
function Chat:follow() end

--- hears of it no more
---@return true|nil done
---@return any result what the service said, or the error
function Chat:unfollow() end

---@class livechat.Customer
local Customer = {}

---@return table
function Customer:totable() end

---@return table
function Customer:raw() end

---@return livechat.Customer
function Customer:discard() end

---@return livechat.Customer|nil
---@return livechat.Error|nil err
function Customer:reload() end

---@return livechat.Customer|nil
---@return livechat.Error|nil err
function Customer:save() end

--- changes what is given; what is left out stays
---@param fields livechat.CustomersUpdateFields
---@return true|nil done
---@return any result what the service said, or the error
function Customer:update(fields) end

---@class livechat.CannedResponses
local CannedResponses = {}

--- all canned responses
---@return livechat.CannedResponse[]|nil
---@return livechat.Error|nil err
function CannedResponses:list() end

---@class livechat.Tags
local Tags = {}

--- all tags of tickets
---@return livechat.Tag[]|nil
---@return livechat.Error|nil err
function Tags:list() end

--- adds a tag for tickets, of one team or of all
---@param fields livechat.TagsCreateFields
---@return livechat.Tag|nil
---@return livechat.Error|nil err
function Tags:create(fields) end

--- removes a tag of tickets, by its name or its id
---@param tag string|integer
---@return true|nil done
---@return any result what the service said, or the error
function Tags:delete(tag) end

---@class livechat.Teams
local Teams = {}

--- all teams
---@return livechat.Team[]|nil
---@return livechat.Error|nil err
function Teams:list() end

---@class livechat.Tickets
local Tickets = {}

--- one page of 25, last change first, of one silo; `each` reads archive and spam too, unless
--- `silo` or `status` leaves them out
---@param filter? livechat.TicketsListFilter
---@return livechat.Page<livechat.Ticket>|nil
---@return livechat.Error|nil err
function Tickets:list(filter) end

--- each one of the whole list, once; raises what goes wrong
---@param filter? livechat.TicketsListFilter
---@return fun(): livechat.Ticket|nil
function Tickets:each(filter) end

--- each new one, once over restarts, for ever; raises what goes wrong
---@param options livechat.TicketsListFilter|{ state: string, poll?: number } `state`: the path of a file
---@return fun(): livechat.Ticket
function Tickets:watch(options) end

--- one ticket, by its id or its shortID
---@param id string|integer
---@return livechat.Ticket|nil
---@return livechat.Error|nil err
function Tickets:get(id) end

--- creates a ticket; the requester is mailed where the author is 'agent'
---@param fields livechat.TicketsCreateFields
---@return livechat.Ticket|nil
---@return livechat.Error|nil err
function Tickets:create(fields) end

--- changes a ticket, and keeps its team; a message is mailed, a private one is a note
---@param id string|integer
---@param fields livechat.TicketsUpdateFields
---@return livechat.Ticket|nil
---@return livechat.Error|nil err
function Tickets:update(id, fields) end

--- mails a reply to the requester, or writes a private note
---@param id string|integer
---@param fields livechat.TicketsReplyFields
---@return livechat.Ticket|nil
---@return livechat.Error|nil err
function Tickets:reply(id, fields) end

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

--- puts a ticket into the trash
---@param id string|integer
---@return true|nil done
---@return any result what the service said, or the error
function Tickets:delete(id) end

--- puts another ticket into this one, which keeps its team
---@param id string|integer
---@param child_id string|integer
---@return livechat.Ticket|nil
---@return livechat.Error|nil err
function Tickets:merge(id, child_id) end

---@class livechat.Webhooks
local Webhooks = {}

--- all registered webhooks of tickets
---@return livechat.Hook[]|nil
---@return livechat.Error|nil err
function Webhooks:list() end

--- registers a URL for an event, once; hook.token is for the receiver
---@param fields livechat.WebhooksCreateFields
---@return livechat.Hook|nil
---@return livechat.Error|nil err
function Webhooks:create(fields) end

--- removes a webhook
---@param id string|integer
---@return true|nil done
---@return any result what the service said, or the error
function Webhooks:delete(id) end

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

--- one canned response
---@param id string|integer
---@return livechat.CannedResponse|nil
---@return livechat.Error|nil err
function CannedResponses:get(id) end

--- adds a canned response; its tags are what an agent types for it
---@param fields livechat.CannedResponsesCreateFields
---@return livechat.CannedResponse|nil
---@return livechat.Error|nil err
function CannedResponses:create(fields) end

--- changes what is given; `tags` replaces the list
---@param id string|integer
---@param fields livechat.CannedResponsesUpdateFields
---@return livechat.CannedResponse|nil
---@return livechat.Error|nil err
function CannedResponses:update(id, fields) end

--- removes a canned response
---@param id string|integer
---@return true|nil done
---@return any result what the service said, or the error
function CannedResponses:delete(id) end

---@class livechat.Chats
local Chats = {}

--- one page of 25, last start first; 25,000 chats are within reach
---@param filter? livechat.ChatsListFilter
---@return livechat.Page<livechat.Chat>|nil
---@return livechat.Error|nil err
function Chats:list(filter) end

--- each one of the whole list, once; raises what goes wrong
---@param filter? livechat.ChatsListFilter
---@return fun(): livechat.Chat|nil
function Chats:each(filter) end

--- each new one, once over restarts, for ever; raises what goes wrong
---@param options livechat.ChatsListFilter|{ state: string, poll?: number } `state`: the path of a file
---@return fun(): livechat.Chat
function Chats:watch(options) end

--- one chat
---@param id string|integer
---@return livechat.Chat|nil
---@return livechat.Error|nil err
function Chats:get(id) end

--- replaces the chat's tags
---@param id string|integer
---@param tags (string)[]
---@return livechat.Chat|nil
---@return livechat.Error|nil err
function Chats:tag(id, tags) end

--- mails the chat to an address
---@param id string|integer
---@param tos string
---@return true|nil done
---@return any result what the service said, or the error
function Chats:send_transcript(id, tos) end

---@class livechat.Goals
local Goals = {}

--- all goals, of one type where asked
---@param filter? livechat.GoalsListFilter
---@return livechat.Goal[]|nil
---@return livechat.Error|nil err
function Goals:list(filter) end

--- one goal, with what its type has
---@param id string|integer
---@return livechat.Goal|nil
---@return livechat.Error|nil err
function Goals:get(id) end

--- adds a goal; which fields it takes depends on its type
---@param fields livechat.GoalsCreateFields
---@return livechat.Goal|nil
---@return livechat.Error|nil err
function Goals:create(fields) end

--- changes what is given
---@param id string|integer
---@param fields livechat.GoalsUpdateFields
---@return livechat.Goal|nil
---@return livechat.Error|nil err
function Goals:update(id, fields) end

--- removes a goal; chats that reached it keep it
---@param id string|integer
---@return true|nil done
---@return any result what the service said, or the error
function Goals:delete(id) end

--- says that a visitor has reached it, perhaps by an order
---@param id string|integer
---@param fields livechat.GoalsReachFields
---@return true|nil done
---@return any result what the service said, or the error
function Goals:reach(id, fields) end

---@class livechat.Greetings
local Greetings = {}

--- all greetings, of one group where asked
---@param filter? livechat.GreetingsListFilter
---@return livechat.Greeting[]|nil
---@return livechat.Error|nil err
function Greetings:list(filter) end

--- one greeting
---@param id string|integer
---@return livechat.Greeting|nil
---@return livechat.Error|nil err
function Greetings:get(id) end

--- adds a greeting that is shown where all of its rules hold
---@param fields livechat.GreetingsCreateFields
---@return livechat.Greeting|nil
---@return livechat.Error|nil err
function Greetings:create(fields) end

--- changes what is given; `rules` replaces the list
---@param id string|integer
---@param fields livechat.GreetingsUpdateFields
---@return livechat.Greeting|nil
---@return livechat.Error|nil err
function Greetings:update(id, fields) end

--- removes a greeting
---@param id string|integer
---@return true|nil done
---@return any result what the service said, or the error
function Greetings:delete(id) end

---@class livechat.Groups
local Groups = {}

--- all groups; 0 has every agent, and no list of them
---@return livechat.Group[]|nil
---@return livechat.Error|nil err
function Groups:list() end

--- one group
---@param id string|integer
---@return livechat.Group|nil
---@return livechat.Error|nil err
function Groups:get(id) end

--- adds a group of agents, by their logins
---@param fields livechat.GroupsCreateFields
---@return livechat.Group|nil
---@return livechat.Error|nil err
function Groups:create(fields) end

--- changes what is given; `agents` replaces the list
---@param id string|integer
---@param fields livechat.GroupsUpdateFields
---@return livechat.Group|nil
---@return livechat.Error|nil err
function Groups:update(id, fields) end

--- removes a group
---@param id string|integer
---@return true|nil done
---@return any result what the service said, or the error
function Groups:delete(id) end

---@class livechat.Reports
local Reports = {}

--- rows in the order of their dates, each with its `date`; names as `chats/total_chats`,
--- `tickets/ratings/ranking`, `availability`
---@param name string|integer
---@param filter? livechat.ReportsGetFilter
---@return true|nil done
---@return any result what the service said, or the error
function Reports:get(name, filter) end

---@class livechat.Status
local Status = {}

--- whether a group (default 0: all agents) takes chats: `status` is `online` or `offline`
---@param group string|integer
---@return true|nil done
---@return any result what the service said, or the error
function Status:get(group) end

---@class livechat.Visitors
local Visitors = {}

--- those on the pages now; with `count = true` how many they are
---@param filter? livechat.VisitorsListFilter
---@return livechat.Visitor[]|nil
---@return livechat.Error|nil err
function Visitors:list(filter) end

--- shows agents a set of fields beside the visitor; `id` names the set
---@param visitor_id string|integer
---@param fields livechat.VisitorsDetailsFields
---@return true|nil done
---@return any result what the service said, or the error
function Visitors:details(visitor_id, fields) end

--- says something in a chat that one is in; gives true and the event's id
---@param id string|integer
---@param fields livechat.ChatsSendFields
---@return true|nil done
---@return any result what the service said, or the error
function Chats:send(id, fields) end

--- takes a tag away
---@param id string|integer
---@param thread string|integer
---@param tag string|integer
---@return true|nil done
---@return any result what the service said, or the error
function Chats:untag(id, thread, tag) end

--- hands a chat to a group or an agent
---@param id string|integer
---@param fields livechat.ChatsTransferFields
---@return true|nil done
---@return any result what the service said, or the error
function Chats:transfer(id, fields) end

--- ends a chat
---@param id string|integer
---@return true|nil done
---@return any result what the service said, or the error
function Chats:close(id) end

--- hears of a chat
---@param id string|integer
---@return true|nil done
---@return any result what the service said, or the error
function Chats:follow(id) end

--- hears of it no more
---@param id string|integer
---@return true|nil done
---@return any result what the service said, or the error
function Chats:unfollow(id) end

---@class livechat.Customers
local Customers = {}

--- one customer; `tickets` are those of the helpdesk
---@param id string|integer
---@return livechat.Customer|nil
---@return livechat.Error|nil err
function Customers:get(id) end

--- changes what is given; what is left out stays
---@param id string|integer
---@param fields livechat.CustomersUpdateFields
---@return true|nil done
---@return any result what the service said, or the error
function Customers:update(id, fields) end

--- undoes a disable
---@return true|nil done
---@return any result what the service said, or the error
function Webhooks:enable() end

--- no webhook of the license is delivered
---@return true|nil done
---@return any result what the service said, or the error
function Webhooks:disable() end

--- whether they are: { enabled = }
---@return true|nil done
---@return any result what the service said, or the error
function Webhooks:state() end

---@class livechat.Client
---@field agents livechat.Agents
---@field canned_responses livechat.CannedResponses
---@field chats livechat.Chats
---@field customers livechat.Customers
---@field goals livechat.Goals
---@field greetings livechat.Greetings
---@field groups livechat.Groups
---@field reports livechat.Reports
---@field status livechat.Status
---@field tags livechat.Tags
---@field teams livechat.Teams
---@field tickets livechat.Tickets
---@field visitors livechat.Visitors
---@field webhooks livechat.Webhooks
local Client = {}

--- A client of one account. What is missing comes from LIVECHAT_USERNAME, LIVECHAT_API_KEY,
--- LIVECHAT_ACCESS_TOKEN, LIVECHAT_BASE_URL, LIVECHAT_API and the like, and then from the file that
--- `livechat login` wrote. A wrong option raises; a throttle that cannot be shared (another process
--- set other limits) gives nil and an error.
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

--- An action of the service's that has no method of its own, where its API consists of actions.
---@param folder string as "configuration" or "agent"
---@param action string as "list_bots"
---@param payload? table
---@return any decoded the answer (true where it has no body), or nil
---@return livechat.Error|nil err
function Client:call(folder, action, payload) end

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

--- Also of a client that is closed.
---@return livechat.ClientStats
function Client:stats() end

--- Wipes the credentials from memory and ends what is in flight with an error of kind `closed`.
--- Idempotent; `__close` and the collector do the same.
function Client:close() end

--- The page after this one; nil after the last, nil and an error where it cannot be had.
---@return livechat.Page|nil page
---@return livechat.Error|nil err
function Page:next() end

--- A plain table in the form of the service's answer, ready for cjson.encode: the counts, and the
--- items under their name.
function Page:totable() end

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
---@param query? string that of the request's URL, as it came: where HelpDesk's deliveries have the
--- token, as in "token=…"
---@return integer status 200: handled, stored or known; 400: not a webhook; 401: not from the
--- service; 413: larger than max_body; 500: not handled or stored, to be delivered again; 503: the
--- same, because more waits for the inbox's disk than it may
---@return string text one line, for the log of the sender
function Receiver:handle(body, headers, query) end

--- Looks for what is new by itself, where no webhook can arrive, and has it handled or stored as an
--- event: for ever, or until something goes wrong, which it raises. Without an inbox an event whose
--- handlers fail is tried again after `poll` seconds, four times in all; with one it is tried until
--- it is stored.
---@param client livechat.Client
---@param given table as `client.tickets:watch` takes it: state, poll, a filter
function Receiver:watch(client, given) end

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
---@field done string[]|nil what was done of several calls before one of them failed
---@field code string|nil the service's own word for what is wrong (today's APIs)
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
---@field api_key_file? string a file that holds the API key, and that others may not read
---@field access_token? string instead of the two: OAuth bearer; `dal:` or `fra:` sets X-Region
---@field oauth? livechat.OAuthOptions instead of the two: an access token that is renewed
---@field api? "v2"|"v3" which of the service's APIs; default "v2"
---@field access_token_file? string a file that holds the access token
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

---@class livechat.OAuthOptions
---@field client_id string of an app
---@field client_secret? string of a server's app; public ones have none
---@field refresh_token string
---@field store? string the path of a file: shared by the processes that name it

---@class livechat.BudgetOptions
---@field calls integer a calendar month (UTC)
---@field price? number what 1000 calls cost, for client:spent()
---@field path? string a file: shared with every process of this machine that names it
---@field mode? string the permission bits of that file, "0600"
---@field redis? livechat.Redis a connection: shared with all who name the same server and key
---@field key? string

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
---@field own? table the strategy of a loop that the library does not recognise
---@field exists fun(self: livechat.Inbox): boolean|nil, string|nil
---@field store fun(self: livechat.Inbox, id: string, text: string, watch: fun(seconds: number)):
--- "stored"|"known"|nil, string|nil, "busy"|nil
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
---@field type string our name for it, where we have one
---@field wire_type string the service's own, which handlers may be registered by as well
---@field id string the wire's, else derived from the content: the same for a redelivery
---@field license_id string|nil
---@field chat table|nil
---@field visitor table|nil
---@field pre_chat_survey table[]|nil
---@field ticket livechat.Ticket|nil live where the receiver was given a client
---@field canned_response table|nil
---@field payload table|nil of today's chat webhooks: what the delivery says, under the wire's names
---@field raw fun(self: livechat.Event): table
---@field visitor_details fun(self: livechat.Event, fields: table): true|nil, any

---@class livechat.InboxOptions
---@field path? string
---@field mode? string of the files, "0600"; "0660" shares them with a group
---@field queue? integer events (10000) of this process that may wait for the disk at once; of one
--- more `store` says at once that there are too many
---@field wait? fun(fd: integer, seconds: number) another event loop's way to wait, as a client's
---@field redis? livechat.Redis instead of a path
---@field stream? string its key there, "livechat:inbox"
---@field lease? number seconds (300) after which who has not finished an event is taken for dead

---@class livechat.ClientStats what this client has done since it was made
---@field calls integer calls that were to be made; what was found to be wrong before is none
---@field sent integer attempts at them
---@field waited number seconds that they waited for the throttle and before another attempt
---@field failed table<livechat.ErrorKind, integer> calls that ended with an error, by its kind

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
