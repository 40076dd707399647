// Rule: the attribute is for inherent impl blocks.

struct Search;

#[drakkar::handler]
impl Drop for Search {
    fn drop(&mut self) {}
}

fn main() {}
