// Rule: the attribute is not for structs.

#[drakkar::handler]
struct Search;

fn main() {
    let _ = Search;
}
