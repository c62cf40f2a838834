"""Names of Starling's rules in comments for other linters, in addition to `Rule.equivalents`.

Names are compared without the linter's prefix, letter case and punctuation, so that the comment
`rubocop:disable Lint/SuppressedException` matches. A name here only suppresses a finding; `Rule.equivalents` also tells
which linters report the same lines.
"""

from __future__ import annotations

_IDENTICAL_OPERANDS = "eq_op BinaryOperatorWithIdenticalOperands misc-redundant-expression SA4000 S1764"
_BROAD_HANDLERS = (
    "broad-except broad-exception-caught bare-except W0703 W0718 B001 TooGenericExceptionCaught CA1031"
    " CatchAllExceptions avoid_catches_without_on_clauses AvoidCatchingGenericException"
    " RescueException RescueStandardError"
)

NAMES: dict[str, tuple[str, ...]] = {
    code: tuple(names.split())
    for code, names in {
        "complex-function": "too-many-branches too-complex cognitive-complexity cognitive_complexity"
        " CyclomaticComplexity PerceivedComplexity CyclomaticComplexMethod CognitiveComplexMethod ComplexMethod"
        " gocyclo gocognit cyclop cyclomatic_complexity CA1502 readability-function-cognitive-complexity"
        " NPathComplexity S3776"
        " S1541 AbcSize",
        "long-function": "too-many-statements too_many_lines MethodLength LongMethod function_body_length funlen S138"
        " ExcessiveMethodLength readability-function-size",
        "deep-nesting": "too-many-nested-blocks excessive_nesting nestif BlockNesting NestedBlockDepth nesting S134",
        "many-parameters": "too-many-arguments too-many-positional-arguments too_many_arguments ParameterLists"
        " LongParameterList function_parameter_count ExcessiveParameterList ParameterNumber S107",
        "self-comparison": f"comparison-with-itself CS1718 noSelfCompare {_IDENTICAL_OPERANDS}",
        "repeated-operand": f"nonminimal_bool {_IDENTICAL_OPERANDS}",
        "duplicate-condition": "ifs_same_cond DuplicateElsifCondition noDuplicateElseIf SA4014 S1862",
        "same-branches": "if_same_then_else DuplicateBranch bugprone-branch-clone S3923 S1871",
        "duplicate-case": "DuplicateCaseCondition noDuplicateCase SC2221 SC2222 S1862",
        "argument-order": "arguments-out-of-order W1114 S2234 readability-suspicious-call-argument"
        " ArgumentSelectionDefectChecker suspicious_arguments",
        "none-comparison": "singleton-comparison C0121",
        "unreachable-code": "unreachable unreachable_code UnreachableCode CS0162 dead_code noUnreachable S1763",
        "broad-except": _BROAD_HANDLERS,
        "swallowed-exception": f"try-except-pass B110 EmptyCatchBlock EmptyCatch SuppressedException SwallowedException"
        f" CatchMayIgnoreException empty_catches bugprone-empty-catch DetectedCatch EmptyStatement RCS1075 S108 S2486"
        f" noEmptyBlockStatements {_BROAD_HANDLERS}",
        "empty-branch": "EmptyIfStmt EmptyControlStatement EmptyConditionalBody noEmptyBlockStatements needless_bool"
        " SA9003 S108 DetectedIf",
        "escaping-finally": "lost-exception W0150 ReturnFromFinallyBlock noUnsafeFinally EnsureReturn S1143",
        "self-assignment": "self-assigning-variable self_assignment SelfAssignment CS1717 noSelfAssign SA4018 S1656",
        "duplicate-key": "duplicate-key DuplicateHashKey noDuplicateObjectKeys equal_keys_in_map key-duplicates",
        "mutable-default": "dangerous-default-value",
        "debugger-left": "forgotten-debug-statement Debugger dbg_macro noDebugger DevelopmentCodeFragment W1515",
        "focused-test": "no-focused-tests noFocusedTests RSpec/Focus",
        "todo-without-owner": "fixme todo godox FIX001 FIX003 FIX004 S1135 S1134 TodoComment ForbiddenComment",
        "possible-secret": "hardcoded_password_string B105 B106 B107 secret gosec G101 S2068",
    }.items()
}
