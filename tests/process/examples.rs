//! The worked examples of `docs/sql/subset.md`: the tables given there, over the sample in
//! `testdata/planes-flights`, and what is printed, whichever side asks.

use std::fs;

use crate::aircraft::sample;
use crate::harness::World;

/// The blocks of one language on the page, in order.
fn blocks<'a>(page: &'a str, language: &str) -> Vec<&'a str> {
    let fence = format!("```{language}\n");
    let blocks = page.split(fence.as_str()).skip(1);
    blocks
        .map(|rest| rest.split("```").next().unwrap())
        .collect()
}

#[test]
fn the_worked_examples_print_what_the_page_says() {
    let page = sample().join("../../docs/sql/subset.md");
    let page = fs::read_to_string(page).unwrap();
    let (_, page) = page.split_once("## Worked examples").unwrap();
    let (page, _) = page.split_once("With other tables:").unwrap();
    let source = format!("source = \"{}/", sample().display());
    let tables: Vec<String> = blocks(page, "toml")
        .into_iter()
        .map(|block| block.replace("source = \"", &source))
        .collect();
    let [lessor, airline] = tables.as_slice() else {
        panic!("the tables of two members: {tables:?}");
    };
    let mut world = World::new(lessor, airline);
    world.serve();
    let (queries, results) = (blocks(page, "sql"), blocks(page, "text"));
    assert_eq!((queries.len(), results.len()), (3, 3));
    for (query, result) in queries.into_iter().zip(results) {
        let query = query
            .replace("lessor.", "anna.")
            .replace("airline.", "bert.");
        for node in [&world.a, &world.b] {
            let ran = node.run(&["query", "--collab", "test", &query]).expect(0);
            assert_eq!(ran.stdout, result, "{query}");
        }
    }
    world.agreed_log();
}
