//! Owns what a pattern means: what the validator at run time takes it for. The generated types take it for the same,
//! and what the validator could not read is refused before anything is generated.
//! Must not know: where a pattern stands.

use regex::Regex;
use syn::{
    Expr, ExprCall, File, Lit, Path, parse_quote,
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

/// Typify's types have an engine of their own, which walks back and forth in the text: they get the validator's.
pub(super) fn unite(types: &mut File) {
    Unite.visit_file_mut(types);
}

struct Unite;

impl VisitMut for Unite {
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
            *expr = parse_quote!(!#pattern.is_match(#text));
        }
    }

    fn visit_expr_call_mut(&mut self, call: &mut ExprCall) {
        if let (Expr::Path(called), Some(Expr::Lit(text))) = (&*call.func, call.args.first_mut())
            && is_regress(&called.path)
            && let Lit::Str(text) = &mut text.lit
            && let Ok(written) = rust(&text.value())
        {
            *text = syn::LitStr::new(&written, text.span());
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

fn is_regress(path: &Path) -> bool {
    path.segments
        .first()
        .is_some_and(|first| first.ident == "regress")
}
