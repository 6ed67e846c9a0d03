//! Owns how a text becomes one of the contract's types: what owns a text keeps it. Typify's types copy each text that they
//! have checked.
//! Must not know: what is checked.

use std::mem;

use quote::ToTokens;
use syn::{
    Block, Expr, ExprMethodCall, File, Ident, ImplItem, Item, ItemImpl, Stmt, parse_quote,
    visit_mut::{self, VisitMut},
};

/// Of every type that is a checked text: the check becomes a function of its own, and a `String` is not copied.
pub(super) fn keep(types: &mut File) {
    let checks: Vec<ItemImpl> = impls(types).filter_map(take_check).collect();
    let texts: Vec<String> = checks.iter().map(|check| tokens(&check.self_ty)).collect();
    for text in impls(types).filter(|item| texts.contains(&tokens(&item.self_ty))) {
        match implemented(text).as_str() {
            "TryFrom < :: std :: string :: String >" => {
                if let Some(block) = block_of(text) {
                    *block = parse_quote!({
                        Self::check(&value)?;
                        Ok(Self(value))
                    });
                }
            }
            "Deserialize < 'de >" => OwnedText.visit_item_impl_mut(text),
            _ => {}
        }
    }
    types.items.extend(checks.into_iter().map(Item::Impl));
}

fn impls(types: &mut File) -> impl Iterator<Item = &mut ItemImpl> {
    types.items.iter_mut().filter_map(|item| match item {
        Item::Impl(item) => Some(item),
        _ => None,
    })
}

fn tokens(part: &impl ToTokens) -> String {
    part.to_token_stream().to_string()
}

/// The last part of the trait's path.
fn implemented(item: &ItemImpl) -> String {
    let path = item.trait_.as_ref().map(|(_, path, _)| path);
    path.and_then(|path| path.segments.last())
        .map(tokens)
        .unwrap_or_default()
}

/// The body of its one function.
fn block_of(item: &mut ItemImpl) -> Option<&mut Block> {
    item.items.iter_mut().find_map(|item| match item {
        ImplItem::Fn(function) => Some(&mut function.block),
        _ => None,
    })
}

/// Takes the check out of a `from_str` that ends with a copy; of one that does nothing else, nothing.
fn take_check(item: &mut ItemImpl) -> Option<ItemImpl> {
    if implemented(item) != "FromStr" {
        return None;
    }
    let text = item.self_ty.clone();
    let block = block_of(item)?;
    if block.stmts.len() < 2 {
        return None;
    }
    let copy: Expr = parse_quote!(Ok(Self(value.to_string())));
    match block.stmts.last_mut() {
        Some(Stmt::Expr(last, None)) if tokens(last) == tokens(&copy) => {
            *last = parse_quote!(Ok(()));
        }
        _ => return None,
    }
    let check = mem::replace(
        block,
        parse_quote!({
            Self::check(value)?;
            #copy
        }),
    );
    Some(parse_quote! {
        impl #text {
            fn check(value: &str) -> ::std::result::Result<(), self::error::ConversionError> #check
        }
    })
}

/// `String::deserialize(…)?.parse()` has a text of its own.
struct OwnedText;

impl VisitMut for OwnedText {
    fn visit_expr_method_call_mut(&mut self, call: &mut ExprMethodCall) {
        if call.method == "parse" {
            call.method = Ident::new("try_into", call.method.span());
        }
        visit_mut::visit_expr_method_call_mut(self, call);
    }
}
