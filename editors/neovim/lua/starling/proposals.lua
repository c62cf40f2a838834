-- Changes that Starling proposes. `starling/confirm` shows a whole change as one diff and asks once; `workspace/applyEdit`
-- makes it if every step is possible, and reports the result, which the server checks in the files. Neovim's own handler
-- would ask about each document but not about files, and would report a rejected edit as applied.

local parts_of = require('starling.parts')
local question = require('starling.question')

local M = {}

local APPLY, REJECT = 'Apply', 'Reject'

-- Asking

---@class starling.File
---@field action 'change'|'create'|'rename'|'delete'
---@field uri string
---@field target string
---@field before string
---@field after string
---@field hunks? starling.Hunk[]

---@class starling.Hunk
---@field id string
---@field header string "" for a renamed file
---@field lines string[]

--- Return the path of a file relative to the workspace.
---@param uri string
---@param client vim.lsp.Client
---@return string
local function get_display_name(uri, client)
  if not vim.startswith(uri, 'file:') then
    return uri
  end
  local path = vim.uri_to_fname(uri)
  return client.root_dir and vim.fs.relpath(client.root_dir, path) or path
end

--- Return the lines above the diff of a file.
---@param file starling.File
---@param client vim.lsp.Client
---@return string[]
local function format_head(file, client)
  local name = get_display_name(file.uri, client)
  if file.action == 'rename' then
    return { 'rename from ' .. name, 'rename to ' .. get_display_name(file.target, client) }
  end
  local from = file.action == 'create' and '/dev/null' or 'a/' .. name
  local to = file.action == 'delete' and '/dev/null' or 'b/' .. name
  return { '--- ' .. from, '+++ ' .. to }
end

--- Format the change of a file as a unified diff.
---@param file starling.File
---@param client vim.lsp.Client
---@return string[]
local function format_diff(file, client)
  local head = format_head(file, client)
  if file.action == 'rename' then
    return head
  end
  local compare = vim.text and vim.text.diff or vim.diff
  local hunks = vim.split(compare(file.before, file.after, { ctxlen = 3 }), '\n', { trimempty = true })
  return vim.list_extend(head, hunks)
end

--- Append the diff of a file to `lines`, part by part, and its parts to `parts`.
---@param file starling.File
---@param client vim.lsp.Client
---@param lines string[]
---@param parts starling.Part[]
local function append_parts(file, client, lines, parts)
  local head = #lines + 1
  vim.list_extend(lines, format_head(file, client))
  for _, hunk in ipairs(file.hunks) do
    local is_rename = hunk.header == ''
    local first = is_rename and head or #lines + 1
    if not is_rename then
      table.insert(lines, hunk.header)
      vim.list_extend(lines, hunk.lines)
    end
    local part = { id = hunk.id, head = head, first = first, last = #lines, text = lines[first], taken = true }
    table.insert(parts, part)
  end
end

--- Return the lines of the diff of all files below `detail`, and the parts of the change; no parts if there is only one, or
--- if the change is asked about as a whole.
---@param detail string
---@param files starling.File[]
---@param client vim.lsp.Client
---@return string[], starling.Part[]
local function format_files(detail, files, client)
  local lines, parts = vim.list_extend(vim.split(detail, '\n'), { '' }), {} ---@type string[], starling.Part[]
  for _, file in ipairs(files) do
    if file.hunks and #file.hunks > 0 then
      append_parts(file, client, lines, parts)
    else
      vim.list_extend(lines, format_diff(file, client))
    end
  end
  if #parts < 2 then
    return lines, {}
  end
  for index, part in ipairs(parts) do
    lines[part.first] = parts_of.format_first_line(parts, index)
  end
  return lines, parts
end

--- Show the changes of all files in one window, and return the chosen one of the answers `offered`, nil for a rejection, and
--- the parts of the change, which say whether they are taken.
---@param title string
---@param detail string
---@param files starling.File[]
---@param offered string[]
---@param client vim.lsp.Client
---@return string?, starling.Part[]
local function ask(title, detail, files, offered, client)
  local lines, parts = format_files(detail, files, client)
  local choices = question.create_choices(offered)
  for index, choice in ipairs(choices) do
    choice.takes = index == 1 and 'some' or index < #choices and 'all' or nil
  end
  return question.ask(title, lines, 'diff', choices, { parts = parts }), parts
end

--- Handle `starling/confirm`: return the answer that a person chose, with the parts that are taken unless all are; null for
--- a rejection.
---@type lsp.Handler
function M.confirm(_, params, context)
  local client = assert(vim.lsp.get_client_by_id(context.client_id))
  local answer, parts = ask(params.title, params.detail, params.files, params.answers, client)
  if not answer then
    return vim.NIL
  elseif parts_of.count_taken(parts) == #parts then
    return { answer = answer }
  end
  local taken = vim.iter(parts):filter(function(part)
    return part.taken
  end)
  return {
    answer = answer,
    hunks = taken
      :map(function(part)
        return part.id
      end)
      :totable(),
  }
end

-- Applying

---@param path string
---@return integer # -1 if no buffer has the file
local function find_buffer(path)
  return vim.fn.bufnr('^' .. vim.fn.escape(path, '\\*?[]{}^$,') .. '$')
end

---@class starling.Step
---@field kind 'text'|'create'|'rename'|'delete'
---@field uri string
---@field path string
---@field to? string
---@field version? integer
---@field edits? lsp.TextEdit[]
---@field text? string the text of a new file

--- Return the edits without annotations, since Neovim would ask about annotated edits.
---@param edits lsp.TextEdit[]
---@return lsp.TextEdit[]
local function remove_annotations(edits)
  return vim.tbl_map(function(edit)
    return { range = edit.range, newText = edit.newText }
  end, vim.deepcopy(edits))
end

--- Return the steps of an edit; creating a file and filling it with text are one step.
---@param edit lsp.WorkspaceEdit
---@return starling.Step[]
local function plan_steps(edit)
  local changes = vim.list_extend({}, edit.documentChanges or {})
  for uri, edits in pairs(edit.changes or {}) do
    table.insert(changes, { textDocument = { uri = uri }, edits = edits })
  end
  local steps, new = {}, {} ---@type starling.Step[], table<string, starling.Step>
  for _, change in ipairs(changes) do
    local uri = change.uri or change.oldUri or change.textDocument.uri
    local version = change.textDocument and change.textDocument.version
    if change.edits and new[uri] then
      for _, one in ipairs(change.edits) do
        new[uri].text = new[uri].text .. one.newText
      end
    else
      table.insert(steps, {
        kind = change.kind or 'text',
        uri = uri,
        path = vim.uri_to_fname(uri),
        to = change.newUri and vim.uri_to_fname(change.newUri),
        version = type(version) == 'number' and version or nil,
        edits = change.edits and remove_annotations(change.edits),
        text = change.kind == 'create' and '' or nil,
      })
      new[uri] = change.kind == 'create' and steps[#steps] or nil
    end
  end
  return steps
end

--- Return why a step of this kind cannot be made; nil if it can.
---@type table<string, fun(step: starling.Step, name: string): string?>
local find_obstacle_to = {}

function find_obstacle_to.text(step, name)
  local buffer = vim.fn.bufexists(step.path) == 1 and vim.uri_to_bufnr(step.uri) or -1
  if buffer == -1 or not vim.api.nvim_buf_is_loaded(buffer) then
    return nil
  elseif step.version and step.version > 0 and (vim.lsp.util.buf_versions[buffer] or 0) > step.version then
    return ('%s has changed since the question; ask again.'):format(name)
  elseif not vim.bo[buffer].modifiable then
    return ("%s cannot be changed: its buffer is 'nomodifiable'."):format(name)
  end
end

function find_obstacle_to.create(step, name)
  return vim.uv.fs_lstat(step.path) and ('%s exists already.'):format(name) or nil
end

function find_obstacle_to.rename(step, name)
  if not vim.uv.fs_lstat(step.path) then
    return ('%s does not exist any more.'):format(name)
  elseif vim.uv.fs_lstat(step.to) then
    return ('%s exists already.'):format(vim.fs.basename(step.to))
  end
end

function find_obstacle_to.delete(step, name)
  local buffer = find_buffer(step.path)
  if not vim.uv.fs_lstat(step.path) then
    return ('%s does not exist any more.'):format(name)
  elseif buffer ~= -1 and vim.bo[buffer].modified then
    return ('%s has changes that are not saved; save or discard them first.'):format(name)
  end
end

--- Make a step of this kind; fails with an error.
---@type table<string, fun(step: starling.Step, client: vim.lsp.Client)>
local make = {}

function make.text(step, client)
  local buffer = vim.uri_to_bufnr(step.uri)
  vim.fn.bufload(buffer)
  vim.lsp.util.apply_text_edits(step.edits, buffer, client.offset_encoding)
  vim.bo[buffer].buflisted = true
  -- Neovim does not attach the server to a buffer without a filetype, and the server has to see the change
  vim.lsp.buf_attach_client(buffer, client.id)
end

function make.create(step)
  vim.fn.mkdir(vim.fs.dirname(step.path), 'p')
  local file = assert(vim.uv.fs_open(step.path, 'wx', tonumber('644', 8))) -- 'x': a file that was created meanwhile is not overwritten
  assert(vim.uv.fs_write(file, step.text))
  assert(vim.uv.fs_close(file))
end

function make.rename(step)
  vim.lsp.util.rename(step.path, step.to)
  assert(vim.uv.fs_lstat(step.to) and not vim.uv.fs_lstat(step.path), 'the file could not be moved')
end

function make.delete(step)
  assert(vim.uv.fs_unlink(step.path))
  local buffer = find_buffer(step.path)
  if buffer ~= -1 then
    vim.api.nvim_buf_delete(buffer, { force = true })
  end
end

--- Return why a step cannot be made; nil if it can.
---@param step starling.Step
---@return string?
local function find_obstacle(step)
  local find = find_obstacle_to[step.kind]
  if not find then
    return ('This plugin cannot make a change of the kind "%s".'):format(step.kind)
  end
  return find(step, vim.fs.basename(step.path))
end

-- Edits with annotations that need confirmation; Starling's own edits have been confirmed before they arrive

--- Return the lines of a file as its buffer would show them, without opening a buffer for it.
---@param path string
---@return string[]
local function read_lines(path)
  local buffer = find_buffer(path)
  if buffer ~= -1 and vim.api.nvim_buf_is_loaded(buffer) then
    return vim.api.nvim_buf_get_lines(buffer, 0, -1, false)
  end
  local scratch = vim.api.nvim_create_buf(false, true)
  vim.api.nvim_buf_call(scratch, function()
    vim.cmd('noautocmd keepalt silent read ++edit ' .. vim.fn.fnameescape(path))
  end)
  local lines = vim.api.nvim_buf_get_lines(scratch, 1, -1, false)
  vim.api.nvim_buf_delete(scratch, { force = true })
  return lines
end

--- Return the change that a step makes, with the text before and after.
---@param step starling.Step
---@param encoding string
---@return starling.File
local function create_file_change(step, encoding)
  local file = { action = step.kind, uri = step.uri, target = '', before = '', after = step.text or '' }
  if step.kind == 'rename' then
    file.target = vim.uri_from_fname(step.to)
  elseif step.kind ~= 'create' then
    local before = read_lines(step.path)
    file.before = table.concat(before, '\n') .. '\n'
    if step.kind == 'text' then
      local scratch = vim.api.nvim_create_buf(false, true)
      vim.api.nvim_buf_set_lines(scratch, 0, -1, false, before)
      vim.lsp.util.apply_text_edits(remove_annotations(step.edits), scratch, encoding)
      file.after = table.concat(vim.api.nvim_buf_get_lines(scratch, 0, -1, false), '\n') .. '\n'
      vim.api.nvim_buf_delete(scratch, { force = true })
    end
  end
  return file
end

--- Return the description of the first annotation that needs a confirmation; nil if there is none.
---@param edit lsp.WorkspaceEdit
---@return string?
local function get_confirmation_text(edit)
  for _, annotation in pairs(edit.changeAnnotations or {}) do
    if annotation.needsConfirmation then
      return annotation.description or annotation.label
    end
  end
end

--- Ask a person about an edit that needs confirmation.
--- Returns whether it may be made, which is true without a question if it needs no confirmation.
---@param params lsp.ApplyWorkspaceEditParams
---@param steps starling.Step[]
---@param client vim.lsp.Client
---@return boolean
local function confirm_if_needed(params, steps, client)
  local detail = get_confirmation_text(params.edit)
  if not detail then
    return true
  end
  local files = vim.tbl_map(function(step)
    return create_file_change(step, client.offset_encoding)
  end, steps)
  local answer = ask(params.label or 'Apply this edit?', detail, files, { APPLY, REJECT }, client)
  return answer == APPLY
end

--- Handle `workspace/applyEdit`: make the whole edit, or nothing if a step is not possible, and return the result.
---@type lsp.Handler
function M.apply_edit(_, params, context)
  local client = assert(vim.lsp.get_client_by_id(context.client_id))
  local steps = plan_steps(params.edit)
  if not confirm_if_needed(params, steps, client) then
    return { applied = false }
  end
  for index, step in ipairs(steps) do
    local why = find_obstacle(step)
    if why then
      return { applied = false, failureReason = why, failedChange = index - 1 }
    end
  end
  for index, step in ipairs(steps) do
    local succeeded, why = pcall(make[step.kind], step, client)
    if not succeeded then
      local reason = ('%s: %s'):format(vim.fs.basename(step.path), tostring(why))
      return { applied = false, failureReason = reason, failedChange = index - 1 }
    end
  end
  return { applied = true }
end

--- Handle `starling/save`: write the buffers of files that an approved edit has changed; return null.
---@type lsp.Handler
function M.save(_, params)
  for _, uri in ipairs(params.uris) do
    local buffer = find_buffer(vim.uri_to_fname(uri))
    if buffer ~= -1 and vim.api.nvim_buf_is_loaded(buffer) and vim.bo[buffer].modified then
      vim.api.nvim_buf_call(buffer, function()
        pcall(vim.cmd, 'silent update')
      end)
    end
  end
  return vim.NIL
end

return M
