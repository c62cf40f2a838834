-- Asks whether a plan of agents may start (`starling/plan`): its steps are lines of a small buffer that a person edits,
-- `role: what to do`. Start at `confirm`.

local question = require('starling.question')

local M = {}

--- Return the steps that the lines of a buffer describe; a line without a role gets '', the agent that asks.
---@param buffer integer
---@return { title: string, role: string }[]
local function read_steps(buffer)
  local steps = {}
  for _, line in ipairs(vim.api.nvim_buf_get_lines(buffer, 0, -1, false)) do
    line = vim.trim(line):gsub('^%d+[.)]%s+', '')
    if line ~= '' then
      local role, title = line:match('^@?([%a_][%w_-]*)%s*:%s+(.*)$')
      table.insert(steps, { title = title or line, role = role or '' })
    end
  end
  return steps
end

--- Ask in a line what a plan should have been, wait and return the text; '' for nothing.
---@return string
local function ask_remark()
  local running = assert(coroutine.running())
  vim.ui.input({ prompt = 'What should be different? (empty: nothing) ' }, function(text)
    vim.schedule(function()
      coroutine.resume(running, text or '')
    end)
  end)
  return coroutine.yield()
end

--- Handle `starling/plan`: return the steps that the person starts, a remark, or null for a no.
---@type lsp.Handler
function M.confirm(_, params)
  local lines = vim.tbl_map(function(step)
    return ('%s: %s'):format(step.role, step.title)
  end, params.steps)
  local hints = { 'Edit the lines; dd deletes one, ddp moves it down, o adds one.', 'Roles: ' .. table.concat(params.roles, ', ') }
  if params.problem ~= '' then
    table.insert(hints, 1, params.problem)
  end
  local answer = question.ask('Start this plan? ' .. params.title, lines, 'text', {
    { key = '<CR>', title = 'Start', value = function(buffer) return { steps = read_steps(buffer) } end },
    { key = 'q', title = 'No', value = function() return {} end },
  }, { editable = true, hints = hints })
  if answer == nil or answer.steps then
    return answer or vim.NIL
  end
  return { remark = ask_remark() }
end

return M
