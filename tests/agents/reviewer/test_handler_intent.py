"""Empty error handlers: intended if the code around them deals with the failure, else findings."""

from __future__ import annotations

import textwrap

import pytest

from agents.reviewer.reviewer import Reviewer
from tests.agents.reviewer.labels import WITHOUT_RUFF, make_document

MEANT = {
    "a comment above the try": (
        "javascript",
        r"""
        function f() {
          // the socket may have been closed already
          try {
            send(x);
          } catch (e) {}
          next();
        }
        """,
    ),
    "a comment above the fallback": (
        "typescript",
        r"""
        function f(s: any) {
          // `shape` can be a getter that throws, so treat it as recursive
          let r = true;
          try {
            r = ask(s);
          } catch {}
          use(r);
        }
        """,
    ),
    "a comment in the try": (
        "python",
        r"""
        try:
            # If it fails, bind() below fails with an exception of its own.
            prepare(path)
        except BaseException:
            pass
        """,
    ),
    "a comment in C#": (
        "csharp",
        r"""
        class A { void F() {
            // Some filters incorrectly decompress the data
            try { G(); }
            catch(Exception) { }
            H();
        } }
        """,
    ),
    "a return in an if, and a constant behind": (
        "csharp",
        r"""
        class A { bool F() {
            try {
                if(G()) { return true; }
            }
            catch(Exception) { }
            return false;
        } }
        """,
    ),
    "a return in a using, and null behind": (
        "csharp",
        r"""
        class A { A F() {
            try {
                using(var s = G()) { return L(s); }
            }
            catch(Exception) { }

            return null;
        } }
        """,
    ),
    "a return, and the end of the function": (
        "javascript",
        r"""
        function f() {
          try {
            if (a) {
              return new B();
            }
          } catch (e) {}
        }
        """,
    ),
    "a return, and another way behind": (
        "java",
        r"""
        class A { int f() {
            try {
                if (x) { return g(); }
            } catch (Exception e) { }
            return h();
        } }
        """,
    ),
    "a variable that is set before and asked behind": (
        "csharp",
        r"""
        class A { void F() {
            h = null;
            try { h = C(); }
            catch(Exception) { }
            if(h == null) { return; }
        } }
        """,
    ),
    "a variable that is set before, in Python": (
        "python",
        r"""
        def f():
            size = None
            try:
                size = ask()
            except Exception:
                pass
            if size is None:
                size = 0
        """,
    ),
    "a variable of var": (
        "javascript",
        r"""
        function f() {
          try {
            var t = probe();
          } catch (t) {}
          return !!t;
        }
        """,
    ),
    "an error that is looked at behind, in PHP": (
        "php",
        r"""
        <?php
        function f() {
            $e = null;
            try {
                g();
            } catch (\Throwable $e) {
            }
            h();
            if (null === $e) {
                fail();
            }
        }
        """,
    ),
    "an error that is looked at behind, in Ruby": (
        "ruby",
        r"""
        def f
          begin
            g
          rescue StandardError => e
          end
          h(e)
        end
        """,
    ),
    "a removal under a condition": (
        "python",
        r"""
        try:
            if exists(path):
                os.remove(path)
        except Exception:
            pass
        save()
        """,
    ),
    "a loop that tries again": (
        "csharp",
        r"""
        class A { bool F() {
            for(int i = 0; i < 3; ++i) {
                try { if(G()) return true; }
                catch(Exception) { }
                Thread.Sleep(100);
            }
            Debug.Assert(false);
            return false;
        } }
        """,
    ),
    "a value that is asked for behind an #endif": (
        "csharp",
        r"""
        class A { A() {
        #if B
            m_h = C();
        #else
            m_h = null;
            try { m_h = D(); }
            catch(Exception) { }
        #endif
            if(m_h == null) { return; }
            m_h.E();
        } }
        """,
    ),
    "a value that is asked for a little later": (
        "java",
        r"""
        class A { void f() {
            String format = null;
            try {
                format = g();
            } catch (Exception e) {
            }
            Date date;
            if (format != null) { h(format); }
        } }
        """,
    ),
    "a method of Ruby with a return": (
        "ruby",
        r"""
        def f
          return 1 if g
          h
        rescue StandardError
        end
        """,
    ),
    "a process that is killed": (
        "javascript",
        r"""
        try {
          child.kill();
        } catch (e) {}
        next();
        """,
    ),
}
FORGOTTEN = {
    "real work": (
        "python",
        r"""
        try:
            save(order)
        except Exception:
            pass
        send(order)
        """,
    ),
    "a comment that gives no reason": (
        "javascript",
        r"""
        function f() {
          // save the order
          try {
            save(x);
          } catch (e) {}
          next();
        }
        """,
    ),
    "a comment further above": (
        "javascript",
        r"""
        function f() {
          // this may fail
          a();

          b();
          try {
            save(x);
          } catch (e) {}
          next();
        }
        """,
    ),
    "a value that is written over": (
        "typescript",
        r"""
        async function f() {
          let known: any = {};
          try {
            known = JSON.parse(await read());
          } catch {}
          known.on = true;
          await write(known);
        }
        """,
    ),
    "a return of a function inside": (
        "javascript",
        r"""
        function f() {
          try {
            list.forEach(function (x) {
              return x;
            });
          } catch (e) {}
          return null;
        }
        """,
    ),
    "an error that is not looked at": (
        "php",
        r"""
        <?php
        function f() {
            try {
                g();
            } catch (\Throwable $e) {
            }
            h();
        }
        """,
    ),
    "a method of Ruby without a return": (
        "ruby",
        r"""
        def f
          g
          h
        rescue StandardError
        end
        """,
    ),
    "a retry whose failure is not answered": (
        "java",
        r"""
        class A { void f() {
            for (int i = 0; i < 3; i++) {
                try {
                    save();
                } catch (Exception e) {
                }
            }
            send();
        } }
        """,
    ),
    "a removal among other work": (
        "python",
        r"""
        try:
            if done(path):
                os.remove(path)
                save()
        except Exception:
            pass
        send()
        """,
    ),
}


def find_codes(language: str, text: str) -> set[str]:
    return {
        each.code for each in Reviewer(WITHOUT_RUFF).review(make_document(textwrap.dedent(text).lstrip("\n"), language))
    }


@pytest.mark.parametrize("name", sorted(MEANT))
def test_an_intended_empty_handler_gives_no_finding(name: str) -> None:
    assert find_codes(*MEANT[name]) == set()


@pytest.mark.parametrize("name", sorted(FORGOTTEN))
def test_an_unintended_empty_handler_is_found(name: str) -> None:
    assert find_codes(*FORGOTTEN[name]) == {"swallowed-exception"}
