//! Owns what a pattern means: what the validator at run time takes it for. The generated types take it for the same,
//! and what the validator could not read is refused before anything is generated.
//! Must not know: where a pattern stands.

use std::mem;

use proc_macro2::Span;
use regex::Regex;
use regex_syntax::hir::{Class, ClassUnicodeRange, HirKind, Look, Repetition};
use syn::{
    Block, Expr, ExprCall, File, Ident, Item, Lit, LitStr, Pat, Path, Stmt, parse_quote,
    visit::Visit,
    visit_mut::{self, VisitMut},
};

/// `ECMAScript`, as the contract has it, in the words of the `regex` crate, which is linear in the text: that leaves out
/// look-around and back-references. The error says why it cannot be had.
pub(super) fn rust(pattern: &str) -> Result<String, String> {
    let written = jsonschema_regex::is_valid_ecma_regex(pattern)
        .then(|| jsonschema_regex::to_rust_regex(pattern).ok())
        .flatten()
        .ok_or("it is not ECMAScript's")?;
    Regex::new(&written).map_err(|error| {
        let error = error.to_string();
        let said = error.lines().last().unwrap_or_default();
        said.trim_start_matches("error: ").to_owned()
    })?;
    Ok(written.into_owned())
}

/// Typify's types have an engine of their own, which walks back and forth in the text: they get the validator's, or, for
/// a pattern that only says of which characters a text is, none.
pub(super) fn unite(types: &mut File) {
    Unite { ranges: None }.visit_file_mut(types);
}

struct Unite {
    /// Of the pattern that the innermost function asks for, if it needs no engine.
    ranges: Option<Ranges>,
}

/// What a text may be made of.
struct Ranges {
    /// `chars`, or `bytes`, which say the same of a class that has all characters beyond ASCII, or none of them.
    of: Ident,
    ranges: Pat,
}

impl VisitMut for Unite {
    fn visit_block_mut(&mut self, block: &mut Block) {
        let engine = block.stmts.iter().position(is_engine);
        let ranges = engine.and_then(|at| ranges(&pattern_of(&block.stmts[at])?));
        if let (Some(at), Some(_)) = (engine, &ranges) {
            block.stmts.remove(at);
        }
        let outer = mem::replace(&mut self.ranges, ranges);
        visit_mut::visit_block_mut(self, block);
        self.ranges = outer;
    }

    /// `PATTERN.find(value).is_none()` asks where, to know whether.
    fn visit_expr_mut(&mut self, expr: &mut Expr) {
        visit_mut::visit_expr_mut(self, expr);
        if let Expr::MethodCall(nowhere) = &*expr
            && nowhere.method == "is_none"
            && let Expr::MethodCall(find) = &*nowhere.receiver
            && find.method == "find"
            && matches!(&*find.receiver, Expr::Path(path) if path.path.is_ident("PATTERN"))
        {
            let (pattern, text) = (&find.receiver, &find.args);
            *expr = match &self.ranges {
                Some(Ranges { of, ranges }) => parse_quote! {
                    #text.is_empty() || !#text.#of().all(|one| matches!(one, #ranges))
                },
                None => parse_quote!(!#pattern.is_match(#text)),
            };
        }
    }

    fn visit_expr_call_mut(&mut self, call: &mut ExprCall) {
        if let (Expr::Path(called), Some(Expr::Lit(text))) = (&*call.func, call.args.first_mut())
            && is_regress(&called.path)
            && let Lit::Str(text) = &mut text.lit
            && let Ok(written) = rust(&text.value())
        {
            *text = LitStr::new(&written, text.span());
        }
        visit_mut::visit_expr_call_mut(self, call);
    }

    fn visit_path_mut(&mut self, path: &mut Path) {
        if is_regress(path) {
            path.segments[0] = parse_quote!(regex);
        }
        visit_mut::visit_path_mut(self, path);
    }
}

/// `static PATTERN: … = LazyLock::new(|| …::new("…").unwrap());`
fn is_engine(statement: &Stmt) -> bool {
    matches!(statement, Stmt::Item(Item::Static(engine)) if engine.ident == "PATTERN")
}

fn pattern_of(engine: &Stmt) -> Option<String> {
    struct Text(Option<String>);
    impl Visit<'_> for Text {
        fn visit_lit_str(&mut self, text: &LitStr) {
            self.0.get_or_insert(text.value());
        }
    }
    let mut text = Text(None);
    text.visit_stmt(engine);
    text.0
}

/// More ranges than that, and an engine's table is the faster way.
const MOST_RANGES: usize = 8;

/// The characters of a pattern like `^[a-z]+$`: one class, at least once, from end to end. An engine takes several times as
/// long for such a text as looking at it.
fn ranges(pattern: &str) -> Option<Ranges> {
    let whole = regex_syntax::parse(&rust(pattern).ok()?).ok()?;
    let HirKind::Concat(parts) = whole.kind() else {
        return None;
    };
    let [from, some, to] = parts.as_slice() else {
        return None;
    };
    let ends = (from.kind(), to.kind());
    if !matches!(ends, (HirKind::Look(Look::Start), HirKind::Look(Look::End))) {
        return None;
    }
    let HirKind::Repetition(Repetition {
        min: 1,
        max: None,
        sub,
        ..
    }) = some.kind()
    else {
        return None;
    };
    let HirKind::Class(Class::Unicode(class)) = sub.kind() else {
        return None;
    };
    let ranges = class.ranges();
    (1..=MOST_RANGES).contains(&ranges.len()).then(|| {
        let bytes: Option<Vec<Pat>> = ranges.iter().copied().map(of_bytes).collect();
        let (of, ranges) = match bytes {
            Some(bytes) => ("bytes", bytes),
            None => ("chars", ranges.iter().copied().map(of_chars).collect()),
        };
        Ranges {
            of: Ident::new(of, Span::call_site()),
            ranges: parse_quote!(#(#ranges)|*),
        }
    })
}

fn of_chars(range: ClassUnicodeRange) -> Pat {
    let (first, last) = (range.start(), range.end());
    parse_quote!(#first..=#last)
}

/// Nothing, if some characters beyond ASCII are in the range and others are not: every byte of theirs is beyond it, too.
fn of_bytes(range: ClassUnicodeRange) -> Option<Pat> {
    const BEYOND: char = '\u{80}';
    let ascii = |of: char| u8::try_from(of).ok().filter(u8::is_ascii);
    let (first, last) = match (range.start(), range.end()) {
        (BEYOND, char::MAX) => (0x80, u8::MAX),
        (first, char::MAX) => (ascii(first)?, u8::MAX),
        (first, last) => (ascii(first)?, ascii(last)?),
    };
    Some(parse_quote!(#first..=#last))
}

fn is_regress(path: &Path) -> bool {
    path.segments
        .first()
        .is_some_and(|first| first.ident == "regress")
}
