// The oracle of `retrieval_typescript.py`: asks the TypeScript compiler what each call of a package calls.
// usage: node typescript_calls.cjs COMPILER ROOT FILE...     COMPILER is the folder of the npm package `typescript`.
// Writes a JSON list with one entry [file, line, target, line of its name, column] for each call that leads to a
// function, method or class in another of these files. Paths are relative to ROOT, lines count from 0, the column is the
// byte in its line at which the called name begins. Runs no code of the package.
"use strict"

const path = require("node:path")
const [compiler, root, ...files] = process.argv.slice(2)
const ts = require(path.join(compiler, "lib", "typescript.js"))

const program = ts.createProgram(files, {
  target: ts.ScriptTarget.ESNext,
  module: ts.ModuleKind.ESNext,
  moduleResolution: ts.ModuleResolutionKind.Bundler,
  baseUrl: root, // as in projects that import from "src/…"
  strict: true,
  experimentalDecorators: true,
  noEmit: true,
  types: [],
})
const checker = program.getTypeChecker()
const known = new Set(files.map((file) => path.resolve(file)))

/** The symbol that a name stands for, behind all imports and re-exports; undefined if there is none. */
function follow(name) {
  const symbol = checker.getSymbolAtLocation(name)
  return symbol && symbol.flags & ts.SymbolFlags.Alias ? checker.getAliasedSymbol(symbol) : symbol
}

/** Whether a declaration is a function, a method or a class; a variable or property if its value is one. */
function isCallable(declaration) {
  if (ts.isFunctionLike(declaration)) return !ts.isConstructorTypeNode(declaration) && !ts.isFunctionTypeNode(declaration)
  if (ts.isClassLike(declaration)) return true
  if (!ts.isVariableDeclaration(declaration) && !ts.isPropertyDeclaration(declaration)) return false
  const value = declaration.initializer
  return !!value && (ts.isArrowFunction(value) || ts.isFunctionExpression(value) || ts.isClassExpression(value))
}

/** The declaration that a person is led to: of overloads the one with a body. */
function choose(symbol) {
  const callable = (symbol.declarations ?? []).filter((each) => isCallable(each) && each.name)
  return callable.find((each) => each.body || each.members || each.initializer) ?? callable[0]
}

const found = []
for (const file of files) {
  const source = program.getSourceFile(file)
  const visit = (node) => {
    ts.forEachChild(node, visit)
    if (!ts.isCallExpression(node) && !ts.isNewExpression(node)) return
    const name = ts.isPropertyAccessExpression(node.expression) ? node.expression.name : node.expression
    if (!ts.isIdentifier(name)) return
    const symbol = follow(name)
    const declaration = symbol && choose(symbol)
    if (!declaration) return
    const target = declaration.getSourceFile()
    if (target === source || !known.has(path.resolve(target.fileName))) return
    const lineOf = (each) => each.getSourceFile().getLineAndCharacterOfPosition(each.getStart()).line
    const relative = (each) => path.relative(root, each.fileName).split(path.sep).join("/")
    const start = source.getLineAndCharacterOfPosition(name.getStart())
    const before = source.text.slice(name.getStart() - start.character, name.getStart())
    found.push([relative(source), start.line, relative(target), lineOf(declaration.name), Buffer.byteLength(before)])
  }
  visit(source)
}
process.stdout.write(JSON.stringify(found))
