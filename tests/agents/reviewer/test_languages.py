"""The same rules in many languages: one sample each, with findings where labels say, and nowhere else."""

from __future__ import annotations

import pytest

from agents.reviewer.scanning import scan
from indexing.syntax import grammars, languages
from tests.agents.reviewer.labels import check_labels

SAMPLES = {
    "javascript": """
        function pick(a, b) {
          if (a.size === a.size) {
        //    ^^^^^^^^^^^^^^^^^ self-comparison
            return b;
            b.close();
        //  ^^^^^^^^^^ unreachable-code
          }
          try {
            b.open();
          } catch (error) {}
        //  ^^^^^^^^^^^^^^^^ swallowed-exception
          const both = a || b || a;
          return { one: 1, two: 2, 'one': both };
        //                         ^^^^^ duplicate-key
        }
        """,
    "typescript": """
        class Shelf {
          private find(key: string, boxes: Box[]): boolean {
            if (!key in this.boxes) {
        //      ^^^^^^^^^^^^^^^^^^ negated-operand
              return false;
            }
            this.boxes = this.boxes;
        //  ^^^^^^^^^^^^^^^^^^^^^^^ self-assignment
            return true;
          }
        }
        """,
    "tsx": """
        const Button = (props: Props) => {
          if (props.on) {
            return <a>{props.text}</a>;
            track();
        //  ^^^^^^^^ unreachable-code
          }
          return null;
        };
        """,
    "go": """
        package main

        func pick(a, b int) int {
            if a == a {
        //     ^^^^^^ self-comparison
                return b
            }
            return b
            a = b
        //  ^^^^^ unreachable-code
        }
        """,
    "rust": """
        fn pick(a: i32, b: i32) -> i32 {
            if a <= a { return b; }
        //     ^^^^^^ self-comparison
            dbg!(a);
        //  ^^^^^^^ debugger-left
            return a;
            let c = b;
        //  ^^^^^^^^^^ unreachable-code
        }
        """,
    "java": """
        class Shelf {
            int pick(int a, int b) {
                if (a > 1) { return 1; } else if (b > 1) { return 2; } else if (a > 1) { return 3; }
        //                                                                     ^^^^^^^ duplicate-condition
                try {
                    open();
                } catch (Exception error) {
        //        ^^^^^^^^^^^^^^^^^^^^^^^^^ swallowed-exception
                } finally {
                    return 4;
        //          ^^^^^^^^^ escaping-finally
                }
            }
        }
        """,
    "c": """
        int pick(int a, int b) {
            a == b;
        //  ^^^^^^^ idle-comparison
            return b;
            a = 1;
        //  ^^^^^^ unreachable-code
        }
        """,
    "cpp": """
        int Shelf::pick(int a, Box &b) {
            try {
                b.open();
            } catch (...) {
        //    ^^^^^^^^^^^^^ swallowed-exception
            }
            return a < a ? 1 : 2;
        //         ^^^^^ self-comparison
        }
        """,
    "csharp": """
        class Shelf {
            int Pick(int a, int b) {
                if (a == a) { return b; }
        //          ^^^^^^ self-comparison
                throw new Error();
                a = b;
        //      ^^^^^^ unreachable-code
            }
        }
        """,
    "ruby": """
        def pick(a, b)
          if @a == @a
        #    ^^^^^^^^ self-comparison
            b
          end
          binding.pry
        # ^^^^^^^^^^^ debugger-left
          begin
            b.open
          rescue StandardError
        # ^^^^^^^^^^^^^^^^^^^^ swallowed-exception
          end
          return b
          b.close
        # ^^^^^^^ unreachable-code
        end
        """,
    "php": """
        <?php
        function pick($a, $b) {
            if ($a->b == $a->b) { return 1; }
        //      ^^^^^^^^^^^^^^ self-comparison
            $row = ['one' => 1, 'two' => 2, 'one' => 3];
        //                                  ^^^^^ duplicate-key
            return $row;
            $b = 1;
        //  ^^^^^^^ unreachable-code
        }
        """,
    "bash": """
        clean() {
          exit 1
          echo "closed now"
        # ^^^^^^^^^^^^^^^^^ unreachable-code
        }
        rm -r "$FOLDER/"
        #     ^^^^^^^^^^ unguarded-delete
        rm -r "${FOLDER:?}/"
        """,
    "lua": """
        local function pick(a, b)
          if a.b == a.b then return b end
        --   ^^^^^^^^^^ self-comparison
          return { one = 1, two = 2, one = 3 }
        --                           ^^^ duplicate-key
        end
        """,
    "kotlin": """
        fun pick(a: Int, b: Int): Int {
            if (a == a) { return b }
        //      ^^^^^^ self-comparison
            return a
            println(b)
        //  ^^^^^^^^^^ unreachable-code
        }
        """,
    "swift": """
        func pick(a: Int, b: Int) -> Int {
            if a == a {
        //     ^^^^^^ self-comparison
                return b
            }
            return a
        }
        """,
    "scala": """
        def pick(a: Int, b: Int): Int = {
          if (a == a) b
        //    ^^^^^^ self-comparison
          else a
        }
        """,
    "dart": """
        int pick(int a, int b) {
          if (a == a) {
        //    ^^^^^^ self-comparison
            return b;
            print(b);
        //  ^^^^^^^^^ unreachable-code
          }
          return a;
        }
        """,
    "json": """
        {"one": 1, "two": {"one": 2}, "one": 3}
        //                            ^^^^^ duplicate-key
        """,
    "yaml": """
        one: 1
        two:
          one: 2
        one: 3
        ^^^ duplicate-key
        """,
}


@pytest.mark.parametrize("language", sorted(SAMPLES))
def test_the_rules_find_their_samples_in_each_language(language: str) -> None:
    check_labels(SAMPLES[language], language)


def test_every_query_fits_its_grammar() -> None:
    broken = []
    for path in scan.QUERIES.glob("*.scm"):
        grammar = grammars.load(path.stem)
        assert grammar is not None, path.stem
        if scan._compile_query(grammar) is None:
            broken.append(path.stem)
    assert broken == []


def test_every_language_of_code_has_a_query() -> None:
    without = {entry.name for entry in languages.LANGUAGES} - {path.stem for path in scan.QUERIES.glob("*.scm")}
    assert without == {"elixir", "html", "markdown", "tsx", "zig"}
