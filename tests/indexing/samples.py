# ruff: noqa: E501, W291  # foreign code has its own layout
"""One small file for each language, and what is to be found in it: kind, qualified name; `<` module, bound names."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Sample:
    name: str
    text: str
    outline: str


SAMPLES: dict[str, Sample] = {
    "python": Sample(
        "shapes.py",
        '''\
import os.path, sys as system
from a.b import c as d, e
from . import f
from g import *
from __future__ import annotations
LIMIT = 10
x: int = 1
class Shape(Base):
    """Doc."""
    side = 1
    @property
    def area(self, scale: float) -> float:
        return 1
async def total(shapes): pass
type Id = int
''',
        """\
constant LIMIT
variable x
class Shape
variable Shape.side
method Shape.area
function total
type Id
< os.path: os
< sys: system
< a.b: d e
< .: f
< g: g
""",
    ),
    "javascript": Sample(
        "shapes.js",
        """\
import fs, { readFile as read, join } from "node:fs";
import * as path from "path";
const util = require("util");
const { inspect, format: fmt } = require("util");
export class Shape extends Base { area(scale) { return 1; } static of() {} get side() { return 2; } }
export function total(shapes) { return shapes.length; }
export const twice = (x) => x * 2;
let other = function () {};
const LIMIT = 10;
class A { field = () => 1; #p = 2; }
module.exports.run = function () {};
""",
        """\
variable util
class Shape
method Shape.area
method Shape.of
method Shape.side
function total
function twice
function other
constant LIMIT
class A
method A.field
function run
< node:fs: fs join read
< path: path
< util: util
< util: inspect fmt
""",
    ),
    "typescript": Sample(
        "shapes.ts",
        """\
import type { Point } from "./point";
import fs, { readFile as read } from "node:fs";
interface Named { name: string; }
type Id = string | number;
enum Color { Red }
namespace N { export function f(): void {} }
abstract class Shape { abstract area(): number; private x = 1; m(a: number): number { return a; } }
export const twice = (x: number): number => x * 2;
declare function g(): void;
function h<T>(a: T): T { return a; }
""",
        """\
interface Named
type Id
class Color
module N
function N.f
class Shape
method Shape.area
method Shape.m
function twice
function g
function h
< ./point: Point
< node:fs: fs read
""",
    ),
    "tsx": Sample(
        "shapes.tsx",
        """\
import { useState } from "react";
interface Props { title: string }
export const Title = ({ title }: Props) => <h1>{title}</h1>;
export function App(): JSX.Element { const [n, setN] = useState(0); return <Title title="x" />; }
""",
        """\
interface Props
function Title
function App
< react: useState
""",
    ),
    "go": Sample(
        "shapes.go",
        """\
package shapes
import (
	"fmt"
	str "strings"
	. "math"
)
import "os"
const Limit = 10
var count int
type Shape struct { Side float64 }
type Named interface { Name() string }
type Id = int
func (s *Shape) Area(scale float64) float64 { return 1 }
func Total(shapes []Shape) float64 { return 0 }
""",
        """\
constant Limit
variable count
class Shape
interface Named
type Id
method Shape.Area
function Total
< fmt: fmt
< strings: str
< math: math
< os: os
""",
    ),
    "rust": Sample(
        "shapes.rs",
        """\
use std::collections::{HashMap, HashSet as Set};
use std::fmt;
use crate::a::b as c;
use foo::*;
mod inner;
const LIMIT: u32 = 10;
static S: u32 = 1;
struct Shape { side: f64 }
enum Color { Red }
union U { a: u32 }
trait Named { fn name(&self) -> String; }
type Id = u32;
impl Named for Shape { fn name(&self) -> String { String::new() } }
impl<T> Foo<T> { fn bar() {} }
fn total(shapes: &[Shape]) -> f64 { 0.0 }
macro_rules! m { () => {} }
mod x { fn y() {} }
""",
        """\
constant LIMIT
constant S
class Shape
class Color
class U
interface Named
method Named.name
type Id
method Shape.name
method Foo.bar
function total
macro m
module x
function x.y
< std::collections: HashMap Set
< std: fmt
< crate::a: c
< foo: foo
""",
    ),
    "java": Sample(
        "shapes.java",
        """\
package a.b;
import java.util.List;
import static java.lang.Math.max;
import java.io.*;
public class Shape extends Base { private int side = 1; static final int LIMIT = 2; public Shape(int s) { } public int area(int scale) { return 1; } }
interface Named { String name(); }
enum Color { RED }
record P(int x) {}
@interface Ann {}
""",
        """\
class Shape
variable Shape.side
constant Shape.LIMIT
method Shape.Shape
method Shape.area
interface Named
method Named.name
class Color
class P
interface Ann
< java.util.List: List
< java.lang.Math.max: max
< java.io: io
""",
    ),
    "c": Sample(
        "shapes.c",
        """\
#include <stdio.h>
#include "shape.h"
#define LIMIT 10
#define SQ(x) ((x)*(x))
typedef struct { int x; } point;
struct shape { double side; };
enum color { RED };
union u { int a; };
typedef int id;
static double area(const struct shape *s, double scale) { return 1; }
char *name(void) { return 0; }
int count = 0;
int proto(int a);
""",
        """\
macro LIMIT
macro SQ
type point
class shape
class color
class u
type id
function area
function name
variable count
function proto
< stdio.h
< shape.h
""",
    ),
    "cpp": Sample(
        "shapes.cpp",
        """\
#include <vector>
using std::string;
using namespace std;
namespace shapes { 
class Shape : public Base { public: Shape(); virtual double area(double scale) const { return 1; } int x; };
struct P { int x; };
template <typename T> T twice(T x) { return x; }
double Shape::perimeter() const { return 0; }
Shape::Shape() {}
}
enum class Color { Red };
int &ref() { static int a; return a; }
using Id = int;
int *ptr(int a) { return 0; }
bool operator==(const P& a, const P& b) { return true; }
""",
        """\
class shapes.Shape
method shapes.Shape.area
class shapes.P
method shapes.twice
method shapes.Shape.perimeter
method shapes.Shape.Shape
class Color
function ref
type Id
function ptr
function operator==
< vector
< std: string
< std
""",
    ),
    "csharp": Sample(
        "shapes.cs",
        """\
using System;
using System.Collections.Generic;
using static System.Math;
using P = System.Drawing.Point;
namespace Shapes { 
public class Shape : Base { public int Side { get; set; } private int x = 1; const int L = 2; public Shape() { } public int Area(int scale) { return 1; } }
interface INamed { string Name(); }
struct S { } enum Color { Red } record R(int X); delegate void D(int a);
}
""",
        """\
class Shapes.Shape
variable Shapes.Shape.Side
variable Shapes.Shape.x
constant Shapes.Shape.L
method Shapes.Shape.Shape
method Shapes.Shape.Area
interface Shapes.INamed
method Shapes.INamed.Name
class Shapes.S
class Shapes.Color
class Shapes.R
type Shapes.D
< System
< System.Collections.Generic
< System.Math
< System.Drawing.Point: P
""",
    ),
    "ruby": Sample(
        "shapes.rb",
        """\
require "json"
require_relative "shape"
module Shapes
  LIMIT = 10
  class Shape < Base
    attr_reader :side
    def area(scale) = 1
    def self.of(x)
      new(x)
    end
    def side
    end
  end
end
def total(shapes)
end
""",
        """\
module Shapes
constant Shapes.LIMIT
class Shapes.Shape
method Shapes.Shape.area
method Shapes.Shape.of
method Shapes.Shape.side
function total
< json
< shape
""",
    ),
    "php": Sample(
        "shapes.php",
        r"""<?php
namespace App\Shapes;
use App\Base;
use App\Other as O;
use App\{A, B as C};
use function App\f;
require_once "x.php";
const LIMIT = 10;
interface Named { function name(): string; }
trait T { }
enum Color { case Red; }
class Shape extends Base { public $side = 1; const X = 1; public function area(int $scale): int { return 1; } }
function total(array $shapes) { return 0; }
""",
        r"""constant LIMIT
interface Named
method Named.name
class T
class Color
class Shape
variable Shape.side
constant Shape.X
method Shape.area
function total
< App\Base: Base
< App\Other: O
< App: A C
< App\f: f
< x.php: php
""",
    ),
    "bash": Sample(
        "shapes.sh",
        """\
source ./lib.sh
. other.sh
LIMIT=10
area() { echo 1; }
function total { 
  local x=1
  echo "$x"
}
""",
        """\
constant LIMIT
function area
function total
< ./lib.sh
< other.sh
""",
    ),
    "lua": Sample(
        "shapes.lua",
        """\
local json = require("json")
local util = require "util"
local M = {}
local LIMIT = 10
function M.area(scale) return 1 end
function M:name() end
local function total(shapes) return 0 end
function glob() end
M.run = function(a) return a end
local f = function() end
return M
""",
        """\
constant M
constant LIMIT
method M.area
method M.name
function total
function glob
method M.run
function f
< json: json
< util: util
""",
    ),
    "kotlin": Sample(
        "shapes.kt",
        """\
package shapes

import kotlin.math.max
import foo.bar as baz

const val LIMIT = 10

interface Named {
    fun name(): String
}

class Shape(val side: Int) : Base() {
    val x = 1

    fun area(scale: Int): Int {
        return 1
    }
}

object Single {
}

fun total(shapes: List<Shape>): Int = 0
""",
        """\
constant LIMIT
class Named
method Named.name
class Shape
variable Shape.x
method Shape.area
class Single
function total
< kotlin.math.max: max
< foo.bar: baz
""",
    ),
    "swift": Sample(
        "shapes.swift",
        """\
import Foundation
class Shape: Base {
    var side = 1
    init(s: Int) { }
    // c
    func area(scale: Int) -> Int { return 1 }
    let s = "x"
}
""",
        """\
class Shape
variable Shape.side
method Shape.area
variable Shape.s
< Foundation: Foundation
""",
    ),
    "scala": Sample(
        "shapes.scala",
        """\
package shapes
import scala.collection.mutable
import scala.math.{max, min => least}
import foo._
trait Named { def name: String }
class Shape(val side: Int) extends Base { val x = 1; var y = 2; def area(scale: Int): Int = { 1 } }
case class P(x: Int)
object Single { def of() = 1 }
type Id = Int
enum Color { case Red }
def total(shapes: List[Shape]): Int = 0
""",
        """\
interface Named
method Named.name
class Shape
variable Shape.x
variable Shape.y
method Shape.area
class P
class Single
method Single.of
type Id
class Color
function total
< scala.collection.mutable: mutable
< scala.math: max least
< foo: foo
""",
    ),
    "dart": Sample(
        "shapes.dart",
        """\
import 'dart:math';
import 'package:foo/foo.dart' as foo show bar hide baz;
const limit = 10;
abstract class Named { String name(); }
class Shape extends Base { int side = 1; Shape(this.side); Shape.of(int a); int area(int scale) { return 1; } int get x => 1; static void s() {} }
mixin M {}
enum Color { red }
extension E on Shape { void more() {} }
typedef Id = int;
int total(List<Shape> shapes) { return 0; }
""",
        """\
constant limit
class Named
method Named.name
class Shape
method Shape.Shape
method Shape.Shape
method Shape.area
method Shape.x
method Shape.s
class M
class Color
class E
method E.more
type Id
function total
< dart:math
< package:foo/foo.dart: foo
""",
    ),
    "sql": Sample(
        "shapes.sql",
        """\
-- shapes
CREATE TABLE shapes (id INTEGER PRIMARY KEY, side REAL);
CREATE VIEW big AS SELECT * FROM shapes WHERE side > 10;
CREATE INDEX by_side ON shapes (side);
CREATE FUNCTION area(s REAL) RETURNS REAL AS $$ SELECT 1; $$ LANGUAGE sql;
SELECT 'x' FROM shapes;
""",
        """\
class shapes
class big
variable by_side
function area
""",
    ),
    "html": Sample(
        "shapes.html",
        """\
<!DOCTYPE html>
<html><head><title>Hi</title><script>function f(){}</script></head>
<!-- c --><body id="main"><div id="box" class="x">text</div></body></html>
""",
        """\
variable main
variable main.box
""",
    ),
    "css": Sample(
        "shapes.css",
        """\
@import "x.css";
/* c */
.box, #main > a { color: red; }
@media print { .y { color: "blue"; } }
@keyframes spin { from { top: 0 } }
:root { --size: 1px; }
""",
        """\
class .box
class .box.#main > a
class .y
function spin
class :root
variable :root.--size
< x.css
""",
    ),
    "json": Sample(
        "shapes.json",
        """\
{"name": "x", "scripts": {"test": "y"}, "list": [1]}
""",
        """\
variable name
variable scripts
variable scripts.test
variable list
""",
    ),
    "yaml": Sample(
        "shapes.yaml",
        """\
# c
name: x
jobs:
  build:
    steps: ["a"]
""",
        """\
variable name
variable jobs
variable jobs.build
""",
    ),
    "toml": Sample(
        "shapes.toml",
        """\
# c
title = "x"
[tool.ruff]
line = 1
[[items]]
a = 1
""",
        """\
variable title
module tool.ruff
variable tool.ruff.line
module items
""",
    ),
    "markdown": Sample(
        "shapes.md",
        """\
# Title
text

## Usage
```python
x = 1
```
""",
        """\
module Title
module Title.Usage
""",
    ),
    "elixir": Sample(
        "shapes.ex",
        """\
defmodule Shapes.Area do
  # c
  @moduledoc "Areas."
  use GenServer
  import Enum, only: [map: 2]
  alias Shapes.{Circle, Square}
  alias Shapes.Point, as: P
  require Logger
  @unit "cm"
  defstruct side: 1
  @type t :: %{side: number}
  defguard is_side(value) when is_number(value)
  def area(%{side: side}), do: side * side
  defp scale(value, by \\\\ 2) when by > 0 do
    value * by
  end
  def unit, do: @unit
  defmacro debug(text) do
    quote do: unquote(text)
  end
end

defprotocol Measured do
  def measure(shape)
end

defimpl Measured, for: Shapes.Area do
  def measure(shape), do: Shapes.Area.area(shape)
end
""",
        """\
module Shapes.Area
constant Shapes.Area.unit
type Shapes.Area.t
macro Shapes.Area.is_side
function Shapes.Area.area
function Shapes.Area.scale
function Shapes.Area.unit
macro Shapes.Area.debug
interface Measured
method Measured.measure
method Measured.measure
< GenServer: GenServer
< Enum: Enum
< Shapes: Circle Square
< Shapes.Point: P
< Logger: Logger
""",
    ),
    "zig": Sample(
        "shapes.zig",
        """\
// c
const std = @import("std");
const Point = @import("point.zig").Point;
pub const limit: u32 = 10;
var count: usize = 0;
pub const Shape = struct {
    side: f32 = 1,
    const sides = 4;
    pub fn area(self: Shape, scale: f32) f32 {
        return self.side * scale;
    }
};
const Color = enum { red, green };
const Id = union(enum) { number: u32, name: []const u8 };
const Failure = error{ TooLarge };
fn total(shapes: []const Shape) usize {
    return shapes.len;
}
pub fn List(comptime T: type) type {
    return struct {
        items: []T,
        fn first(self: @This()) T {
            return self.items[0];
        }
    };
}
test "an area" {
    try std.testing.expect(true);
}
""",
        """\
constant limit
variable count
class Shape
variable Shape.side
constant Shape.sides
method Shape.area
class Color
class Id
type Failure
function total
function List
variable List.items
function List.first
< std: std
< point.zig: Point
""",
    ),
}
