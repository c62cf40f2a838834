-- What Starling would change: `starling/confirm` shows all of it as one diff and asks once, `workspace/applyEdit` makes
-- it after the yes, as a whole or not at all, and says what happened. The server looks at the files all the same.
-- Neovim's own handler would ask for each document, never about files, and call applied what was refused.

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

---@param uri string
---@param client vim.lsp.Client
---@return string
local function name_of(uri, client)
  if not vim.startswith(uri, 'file:') then
    return uri
  end
  local path = vim.uri_to_fname(uri)
  return client.root_dir and vim.fs.relpath(client.root_dir, path) or path
end

--- A file as a unified diff.
---@param file starling.File
---@param client vim.lsp.Client
---@return string[]
local function diff(file, client)
  local name = name_of(file.uri, client)
  if file.action == 'rename' then
    return { 'rename from ' .. name, 'rename to ' .. name_of(file.target, client) }
  end
  local compare = vim.text and vim.text.diff or vim.diff
  local hunks = vim.split(compare(file.before, file.after, { ctxlen = 3 }), '\n', { trimempty = true })
  local from = file.action == 'create' and '/dev/null' or 'a/' .. name
  local to = file.action == 'delete' and '/dev/null' or 'b/' .. name
  return vim.list_extend({ '--- ' .. from, '+++ ' .. to }, hunks)
end

--- Show all of it and ask; the answer of those offered, nil for a no.
---@param title string
---@param detail string
---@param files starling.File[]
---@param offered string[]
---@param client vim.lsp.Client
---@return string?
local function asked(title, detail, files, offered, client)
  local lines = vim.list_extend(vim.split(detail, '\n'), { '' })
  for _, file in ipairs(files) do
    vim.list_extend(lines, diff(file, client))
  end
  return question.wait(title, lines, 'diff', question.choices(offered))
end

--- `starling/confirm`: the answer that a person chose of those offered; null for a no.
---@type lsp.Handler
function M.confirm(_, params, context)
  local client = assert(vim.lsp.get_client_by_id(context.client_id))
  local answer = asked(params.title, params.detail, params.files, params.answers, client)
  return answer and { answer = answer } or vim.NIL
end

-- Making

---@param path string
---@return integer # the buffer of a file, -1 for none
local function buffer_of(path)
  return vim.fn.bufnr('^' .. vim.fn.escape(path, '\\*?[]{}^$,') .. '$')
end

---@class starling.Step
---@field kind 'text'|'create'|'rename'|'delete'
---@field uri string
---@field path string
---@field to? string
---@field version? integer
---@field edits? lsp.TextEdit[]
---@field text? string of a new file

---@param edits lsp.TextEdit[]
---@return lsp.TextEdit[] # without annotations, about which Neovim would ask
local function plain(edits)
  return vim.tbl_map(function(edit)
    return { range = edit.range, newText = edit.newText }
  end, vim.deepcopy(edits))
end

--- The steps of an edit; a new file and the text that fills it are one.
---@param edit lsp.WorkspaceEdit
---@return starling.Step[]
local function planned(edit)
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
        edits = change.edits and plain(change.edits),
        text = change.kind == 'create' and '' or nil,
      })
      new[uri] = change.kind == 'create' and steps[#steps] or nil
    end
  end
  return steps
end

---@type table<string, fun(step: starling.Step, name: string): string?>
local obstacles = {}

function obstacles.text(step, name)
  local buffer = vim.fn.bufexists(step.path) == 1 and vim.uri_to_bufnr(step.uri) or -1
  if buffer == -1 or not vim.api.nvim_buf_is_loaded(buffer) then
    return nil
  elseif step.version and step.version > 0 and (vim.lsp.util.buf_versions[buffer] or 0) > step.version then
    return ('%s has changed since it was asked about; ask again.'):format(name)
  elseif not vim.bo[buffer].modifiable then
    return ("%s cannot be changed: its buffer is 'nomodifiable'."):format(name)
  end
end

function obstacles.create(step, name)
  return vim.uv.fs_lstat(step.path) and ('%s is there already.'):format(name) or nil
end

function obstacles.rename(step, name)
  if not vim.uv.fs_lstat(step.path) then
    return ('%s is not there any more.'):format(name)
  elseif vim.uv.fs_lstat(step.to) then
    return ('%s is there already.'):format(vim.fs.basename(step.to))
  end
end

function obstacles.delete(step, name)
  local buffer = buffer_of(step.path)
  if not vim.uv.fs_lstat(step.path) then
    return ('%s is not there any more.'):format(name)
  elseif buffer ~= -1 and vim.bo[buffer].modified then
    return ('%s has changes that are not saved; save or discard them first.'):format(name)
  end
end

---@type table<string, fun(step: starling.Step, client: vim.lsp.Client)>
local make = {}

function make.text(step, client)
  local buffer = vim.uri_to_bufnr(step.uri)
  vim.fn.bufload(buffer)
  vim.lsp.util.apply_text_edits(step.edits, buffer, client.offset_encoding)
  vim.bo[buffer].buflisted = true
  -- a buffer without a filetype would be one that the server cannot see
  vim.lsp.buf_attach_client(buffer, client.id)
end

function make.create(step)
  vim.fn.mkdir(vim.fs.dirname(step.path), 'p')
  local file = assert(vim.uv.fs_open(step.path, 'wx', tonumber('644', 8))) -- what came in between stays
  assert(vim.uv.fs_write(file, step.text))
  assert(vim.uv.fs_close(file))
end

function make.rename(step)
  vim.lsp.util.rename(step.path, step.to)
  assert(vim.uv.fs_lstat(step.to) and not vim.uv.fs_lstat(step.path), 'it could not be moved')
end

function make.delete(step)
  assert(vim.uv.fs_unlink(step.path))
  local buffer = buffer_of(step.path)
  if buffer ~= -1 then
    vim.api.nvim_buf_delete(buffer, { force = true })
  end
end

--- Why a step cannot be made, nil where it can.
---@param step starling.Step
---@return string?
local function obstacle(step)
  local look = obstacles[step.kind]
  return look and look(step, vim.fs.basename(step.path)) or (not look and ('This plugin does no %s.'):format(step.kind) or nil)
end

-- Edits that are to be confirmed; the server's own have been, by the time they come

--- The text of a document as a person would see it, without opening it.
---@param path string
---@return string[]
local function lines_of(path)
  local buffer = buffer_of(path)
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

--- A step with its text before and after.
---@param step starling.Step
---@param encoding string
---@return starling.File
local function compared(step, encoding)
  local file = { action = step.kind, uri = step.uri, target = '', before = '', after = step.text or '' }
  if step.kind == 'rename' then
    file.target = vim.uri_from_fname(step.to)
  elseif step.kind ~= 'create' then
    local before = lines_of(step.path)
    file.before = table.concat(before, '\n') .. '\n'
    if step.kind == 'text' then
      local scratch = vim.api.nvim_create_buf(false, true)
      vim.api.nvim_buf_set_lines(scratch, 0, -1, false, before)
      vim.lsp.util.apply_text_edits(plain(step.edits), scratch, encoding)
      file.after = table.concat(vim.api.nvim_buf_get_lines(scratch, 0, -1, false), '\n') .. '\n'
      vim.api.nvim_buf_delete(scratch, { force = true })
    end
  end
  return file
end

--- What is said beside an edit that a person is to confirm; nil where nobody has to.
---@param edit lsp.WorkspaceEdit
---@return string?
local function to_confirm(edit)
  for _, annotation in pairs(edit.changeAnnotations or {}) do
    if annotation.needsConfirmation then
      return annotation.description or annotation.label
    end
  end
end

--- Whether a person says yes to the whole.
---@param params lsp.ApplyWorkspaceEditParams
---@param steps starling.Step[]
---@param client vim.lsp.Client
---@return boolean
local function is_confirmed(params, steps, client)
  local detail = to_confirm(params.edit)
  if not detail then
    return true
  end
  local files = vim.tbl_map(function(step)
    return compared(step, client.offset_encoding)
  end, steps)
  return asked(params.label or 'Apply this edit?', detail, files, { APPLY, REJECT }, client) == APPLY
end

--- `workspace/applyEdit`: make all of it, nothing where a part could not be made, and say what became of it.
---@type lsp.Handler
function M.apply_edit(_, params, context)
  local client = assert(vim.lsp.get_client_by_id(context.client_id))
  local steps = planned(params.edit)
  if not is_confirmed(params, steps, client) then
    return { applied = false }
  end
  for index, step in ipairs(steps) do
    local why = obstacle(step)
    if why then
      return { applied = false, failureReason = why, failedChange = index - 1 }
    end
  end
  for index, step in ipairs(steps) do
    local done, why = pcall(make[step.kind], step, client)
    if not done then
      local reason = ('%s: %s'):format(vim.fs.basename(step.path), tostring(why))
      return { applied = false, failureReason = reason, failedChange = index - 1 }
    end
  end
  return { applied = true }
end

return M
