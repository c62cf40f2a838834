-- Describes the state in a few words, for a statusline. Asks the server at the start, and when indexing or the loading of
-- a model ends, but never on redraw.

local server = require('starling.server')

local M = {}

local POLL_MS = 1000 -- while the server starts

---@class starling.State
---@field indexing? integer percent
---@field known? table the last result of `starling.status`
---@field token? any progress token of the indexing
---@field loading? string text for the statusline while a large model is loaded
---@field loading_token? any progress token of the loading

--- The states of the servers, by the id of their client.
---@type table<integer, starling.State>
local states = {}

--- Ask the server for its state; ask again later while it starts or indexes.
---@param client vim.lsp.Client
local function update(client)
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
        update(client)
      end, POLL_MS)
    end
  end)
end

--- Begin to follow the state of a server; does nothing if that has begun.
---@param client vim.lsp.Client
function M.watch(client)
  if states[client.id] then
    return
  end
  states[client.id] = {}
  update(client)
end

--- Update the state by a progress report of the server.
---@param client_id integer
---@param token any
---@param value table
function M.handle_progress(client_id, token, value)
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
    -- the first load on this machine has no percentage
    state.loading = value.percentage and ('loading %d%%'):format(value.percentage) or 'loading'
    if value.kind == 'end' then
      state.loading, state.loading_token = nil, nil
      local client = vim.lsp.get_client_by_id(client_id)
      if client then
        update(client) -- the model is ready, or its loading failed
      end
    end
    vim.cmd.redrawstatus({ bang = true })
  end
end

--- Whether a request for suggestions or a command waits for the server's answer.
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

--- Return the state of the server of a buffer, such as "Starling: ready"; '' if Starling does not serve the buffer.
---@param bufnr? integer
---@return string
function M.describe(bufnr)
  local client = vim.lsp.get_clients({ name = server.name, bufnr = bufnr or 0 })[1]
  if not client then
    return ''
  end
  local state = states[client.id] or {}
  local model = vim.tbl_get(state, 'known', 'model')
  local problems = vim.tbl_get(state, 'known', 'problems') or {}
  local description = 'ready'
  if #problems > 0 or (type(model) == 'table' and model.state == 'failed') then
    description = 'error'
  elseif state.loading then
    description = state.loading
  elseif state.indexing then
    description = ('indexing %d%%'):format(state.indexing)
  elseif not state.known or state.known.state ~= 'ready' then
    description = 'starting'
  elseif is_thinking(client) then
    description = 'thinking'
  elseif not require('starling.suggestions').is_enabled() then
    description = 'off'
  end
  return 'Starling: ' .. description
end

return M
