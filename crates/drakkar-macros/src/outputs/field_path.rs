//! A path to a field of an item, such as `request_id` or `request.id`.

use proc_macro2::{Ident, Span, TokenStream};
use quote::{ToTokens, quote_spanned};
use syn::{Index, Member};

/// The fields to follow from an item, outermost first; at least one.
#[derive(Clone)]
pub(super) struct FieldPath(Vec<Member>);

impl FieldPath {
    /// Reads `a.b`; the fields get the place of the literal they were written in.
    pub(super) fn parse(text: &str, literal: Span) -> Option<Self> {
        // Not the literal's own span: the compiler would offer to write a field in place of the literal.
        let span = Span::mixed_site().located_at(literal);
        text.split('.').map(|part| member(part, span)).collect::<Option<Vec<_>>>().map(Self)
    }

    /// The expression for this field of `item`.
    pub(super) fn of(&self, item: &Ident) -> TokenStream {
        let mut place = item.to_token_stream();
        for member in &self.0 {
            place = quote_spanned! {item.span()=> #place.#member };
        }
        place
    }
}

fn member(text: &str, span: Span) -> Option<Member> {
    if !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit()) {
        return text.parse().ok().map(|index| Member::Unnamed(Index { index, span }));
    }
    // A keyword names a field when it is written raw, and JSON is full of fields called `type`.
    let mut ident = exact_ident(text).or_else(|| exact_ident(&format!("r#{text}")))?;
    ident.set_span(span);
    Some(Member::Named(ident))
}

/// The identifier that is the whole text: the parser alone would pass over spaces and comments.
fn exact_ident(text: &str) -> Option<Ident> {
    syn::parse_str::<Ident>(text).ok().filter(|ident| ident == text)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn expression(text: &str) -> Option<String> {
        let item = Ident::new("item", Span::call_site());
        FieldPath::parse(text, Span::call_site()).map(|path| path.of(&item).to_string())
    }

    #[test]
    fn follows_fields_indices_and_keywords() {
        assert_eq!(expression("id").as_deref(), Some("item . id"));
        assert_eq!(expression("a.b.0").as_deref(), Some("item . a . b . 0"));
        assert_eq!(expression("type").as_deref(), Some("item . r#type"));
    }

    #[test]
    fn refuses_what_is_not_a_field() {
        for text in
            ["", "a.", ".a", "a b", "a()", "self", "a-b", " a", "a ", "type ", "a/**/", "type/**/", "1a", "_"]
        {
            assert!(expression(text).is_none(), "{text:?}");
        }
    }
}
