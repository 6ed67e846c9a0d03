//! Owns how the generated types ask for the length of a text: its characters are counted only where its bytes, which it
//! never has fewer of, leave a question.
//! Must not know: how long a text may be.

use syn::{
    BinOp, Expr, ExprBinary, ExprMethodCall, File, Lit, parse_quote,
    visit_mut::{self, VisitMut},
};

pub(super) fn ask_bytes_first(types: &mut File) {
    BytesFirst.visit_file_mut(types);
}

struct BytesFirst;

impl VisitMut for BytesFirst {
    fn visit_expr_mut(&mut self, expr: &mut Expr) {
        visit_mut::visit_expr_mut(self, expr);
        let Expr::Binary(ExprBinary {
            left, op, right, ..
        }) = &*expr
        else {
            return;
        };
        let Some(text) = counted(left) else {
            return;
        };
        let asked = match op {
            BinOp::Gt(_) => parse_quote!(#text.len() > #right && #left > #right),
            BinOp::Lt(_) if is_one(right) => parse_quote!(#text.is_empty()),
            _ => return,
        };
        *expr = asked;
    }
}

fn is_one(expr: &Expr) -> bool {
    matches!(expr, Expr::Lit(one) if matches!(&one.lit, Lit::Int(one) if one.base10_digits() == "1"))
}

/// The text of `text.chars().count()`.
fn counted(expr: &Expr) -> Option<&Expr> {
    let chars = receiver(expr, "count")?;
    receiver(chars, "chars")
}

fn receiver<'e>(expr: &'e Expr, called: &str) -> Option<&'e Expr> {
    match expr {
        Expr::MethodCall(ExprMethodCall {
            receiver, method, ..
        }) if method == called => Some(receiver),
        _ => None,
    }
}
