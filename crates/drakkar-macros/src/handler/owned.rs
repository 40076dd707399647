//! Checks that a type the trait stores can be named there: written out, and owning what it holds.

use syn::{Lifetime, Type, TypeImplTrait, TypeInfer, TypeReference, visit::Visit};

use crate::error_store::ErrorStore;

/// Records what keeps `ty` from being an associated type. `what` says what the type is for.
pub(super) fn check(ty: &Type, what: &str, errors: &mut ErrorStore) -> bool {
    let mut visitor = Visitor { what, errors, fine: true };
    visitor.visit_type(ty);
    visitor.fine
}

struct Visitor<'e> {
    what: &'e str,
    errors: &'e mut ErrorStore,
    fine: bool,
}

impl Visitor<'_> {
    fn borrowed(&mut self, tokens: impl quote::ToTokens) {
        let (what, help) = (self.what, "use owned types, such as `String` for text and `Vec<u8>` for bytes");
        self.fine = false;
        self.errors.push_help(tokens, format!("the {what} has to own what it holds"), help);
    }
}

impl<'ast> Visit<'ast> for Visitor<'_> {
    fn visit_type_reference(&mut self, reference: &'ast TypeReference) {
        if reference.lifetime.as_ref().is_some_and(|lifetime| lifetime.ident == "static") {
            self.visit_type(&reference.elem);
        } else {
            self.borrowed(reference);
        }
    }

    fn visit_lifetime(&mut self, lifetime: &'ast Lifetime) {
        if lifetime.ident != "static" {
            self.borrowed(lifetime);
        }
    }

    fn visit_type_impl_trait(&mut self, ty: &'ast TypeImplTrait) {
        self.fine = false;
        let help = "write the name of a type: the handler is known by it";
        self.errors.push_help(ty, format!("the {} cannot be `impl Trait`", self.what), help);
    }

    fn visit_type_infer(&mut self, ty: &'ast TypeInfer) {
        self.fine = false;
        self.errors.push_help(ty, format!("the {} cannot be `_`", self.what), "write the name of a type");
    }
}
