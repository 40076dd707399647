// Rule: the attribute is for inherent impl blocks.

use drakkar::prelude::*;

struct Search;

#[drakkar::handler]
impl Drop for Search {
    fn drop(&mut self) {}
}

fn main() {}
