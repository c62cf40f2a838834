-- The state in a few words, for a statusline. Asks the server at the start and when an indexing or a loading ends, never
-- on redraw.

local server = require('starling.server')

local M = {}

local POLL_MS = 1000 -- while the server starts

---@class starling.State
---@field indexing? integer percent
---@field known? table what `starling.status` said
---@field token? any of the bar that shows the indexing
---@field loading? string what is said of the large model that is being loaded
---@field loading_token? any of the bar that shows the loading

---@type table<integer, starling.State>
local states = {}

---@param client vim.lsp.Client
local function ask(client)
  server.execute('starling.status', {}, function(result)
    if not states[client.id] then
      return
    end
    states[client.id].known = result
    vim.cmd.redrawstatus({ bang = true })
    local index = result and result.index
    local starting = not result or result.state ~= 'ready' or type(index) ~= 'table' or index.state == 'waiting'
    if (starting or index.state == 'indexing') and not client:is_stopped() then
      vim.defer_fn(function()
        ask(client)
      end, POLL_MS)
    end
  end)
end

--- Watch a server.
---@param client vim.lsp.Client
function M.attach(client)
  if states[client.id] then
    return
  end
  states[client.id] = {}
  ask(client)
end

--- A bar of the server moved.
---@param client_id integer
---@param token any
---@param value table
function M.progress(client_id, token, value)
  local state = states[client_id]
  if not state then
    return
  end
  if value.kind == 'begin' and value.title == 'Indexing' then
    state.token = token
  end
  if state.token == token then
    state.indexing = value.kind ~= 'end' and (value.percentage or state.indexing or 0) or nil
    vim.cmd.redrawstatus({ bang = true })
  end
  if value.kind == 'begin' and vim.startswith(value.title, 'Loading ') then
    state.loading_token = token
  end
  if state.loading_token ~= nil and state.loading_token == token then
    -- without a percentage where the model was never loaded here before
    state.loading = value.percentage and ('loading %d%%'):format(value.percentage) or 'loading'
    if value.kind == 'end' then
      state.loading, state.loading_token = nil, nil
      local client = vim.lsp.get_client_by_id(client_id)
      if client then
        ask(client) -- it is ready, or could not be loaded
      end
    end
    vim.cmd.redrawstatus({ bang = true })
  end
end

---@param client vim.lsp.Client
---@return boolean
local function is_thinking(client)
  for _, request in pairs(client.requests) do
    local method = request.method
    if request.type == 'pending' and (method == 'textDocument/inlineCompletion' or method == 'workspace/executeCommand') then
      return true
    end
  end
  return false
end

---@param bufnr? integer
---@return string
function M.line(bufnr)
  local client = vim.lsp.get_clients({ name = server.name, bufnr = bufnr or 0 })[1]
  if not client then
    return ''
  end
  local state = states[client.id] or {}
  local model = vim.tbl_get(state, 'known', 'model')
  local problems = vim.tbl_get(state, 'known', 'problems') or {}
  local what = 'ready'
  if #problems > 0 or (type(model) == 'table' and model.state == 'failed') then
    what = 'error'
  elseif state.loading then
    what = state.loading
  elseif state.indexing then
    what = ('indexing %d%%'):format(state.indexing)
  elseif not state.known or state.known.state ~= 'ready' then
    what = 'starting'
  elseif is_thinking(client) then
    what = 'thinking'
  elseif not require('starling.suggestions').is_enabled() then
    what = 'off'
  end
  return 'Starling: ' .. what
end

return M
