//! Finds cycles of imports between files.

use std::collections::{BTreeMap, HashSet, VecDeque};

use crate::tree::{Tree, is_within};

/// For each file, the files that it imports, with the line of the first import.
type Edges = Vec<BTreeMap<usize, usize>>;

/// For each file that is in a cycle, the shortest cycle, as a list of imports. Cycles within the modules
/// `allowed_in` are ignored.
pub fn cycles(tree: &Tree, allowed_in: &[&str]) -> Vec<String> {
    let edges = edges(tree, allowed_in);
    let mut seen = HashSet::new();
    let mut chains = Vec::new();
    for start in 0..tree.files.len() {
        let Some(cycle) = shortest_cycle(&edges, start) else { continue };
        let mut files = cycle.clone();
        files.sort_unstable();
        if seen.insert(files) {
            chains.push(chain(tree, &edges, &cycle));
        }
    }
    chains
}

fn edges(tree: &Tree, allowed_in: &[&str]) -> Edges {
    let may_have_cycles = |module: &str| allowed_in.iter().any(|allowed| is_within(module, allowed));
    let edges_of = |(from, file): (usize, &crate::tree::File)| {
        let mut edges = BTreeMap::new();
        for reference in &file.references {
            let Some(to) = tree.resolve(&reference.path).filter(|to| *to != from) else { continue };
            let target = &tree.files[to].module;
            // The root module of a directory declares and wires its children, which may import its items.
            let is_wiring = is_within(target, &file.module);
            let is_allowed = may_have_cycles(&file.module) && may_have_cycles(target);
            if !is_wiring && !is_allowed {
                edges.entry(to).or_insert(reference.line);
            }
        }
        edges
    };
    tree.files.iter().enumerate().map(edges_of).collect()
}

/// The files of the shortest path from a file back to itself.
fn shortest_cycle(edges: &Edges, start: usize) -> Option<Vec<usize>> {
    let mut came_from = BTreeMap::new();
    let mut queue = VecDeque::from([start]);
    while let Some(file) = queue.pop_front() {
        for next in edges[file].keys() {
            if *next == start {
                let mut path = vec![file];
                while path[path.len() - 1] != start {
                    path.push(came_from[&path[path.len() - 1]]);
                }
                path.reverse();
                return Some(path);
            }
            if !came_from.contains_key(next) {
                came_from.insert(*next, file);
                queue.push_back(*next);
            }
        }
    }
    None
}

fn chain(tree: &Tree, edges: &Edges, cycle: &[usize]) -> String {
    let next = cycle.iter().cycle().skip(1);
    let steps = cycle.iter().zip(next).map(|(from, to)| {
        format!("{}:{} imports {}", tree.files[*from].path, edges[*from][to], tree.files[*to].path)
    });
    format!("cycle of {}:\n    {}", cycle.len(), steps.collect::<Vec<_>>().join("\n    "))
}

#[cfg(test)]
mod tests {
    use super::cycles;
    use crate::tree::Tree;

    fn found(sources: &[(&str, &str)]) -> Vec<String> {
        cycles(&Tree::of(sources.iter().copied()), &["crate::types"])
    }

    #[test]
    fn a_cycle_is_reported_as_a_list_of_imports() {
        let found = found(&[
            ("src/lib.rs", "mod a; mod b; mod c; mod d;"),
            ("src/a.rs", "\nuse crate::b::B;"),
            ("src/b.rs", "fn b() { crate::c::d::e() }"),
            ("src/c/mod.rs", "mod d;"),
            ("src/c/d.rs", "\n\nuse super::super::a;"),
            ("src/e.rs", "use crate::a;"),
        ]);
        let expected = "cycle of 3:\n    src/a.rs:2 imports src/b.rs\n    src/b.rs:1 imports src/c/d.rs\n    \
            src/c/d.rs:3 imports src/a.rs";
        assert_eq!(found, [expected]);
    }

    #[test]
    fn a_root_module_may_wire_children_that_import_its_items() {
        let root = ("src/a/mod.rs", "mod b; use b::c::C; pub struct A;");
        assert_eq!(
            found(&[root, ("src/a/b.rs", "use super::A;"), ("src/a/b/c.rs", "use crate::a::A;")]),
            [""; 0]
        );
    }

    #[test]
    fn a_cycle_through_a_root_module_and_another_file_is_found() {
        let root = ("src/a/mod.rs", "mod b; use crate::d::D; pub struct A;");
        let found = found(&[root, ("src/a/b.rs", "use super::A;"), ("src/d.rs", "use crate::a::b::B;")]);
        assert_eq!(found.len(), 1, "{found:?}");
    }

    #[test]
    fn children_of_a_root_module_may_not_import_each_other() {
        let children = [("src/a/b.rs", "use super::c::C;"), ("src/a/c.rs", "use crate::a::b::B;")];
        assert_eq!(found(&children).len(), 1);
    }

    #[test]
    fn allowed_modules_may_have_cycles() {
        let types = [("src/types/b.rs", "use super::c::C;"), ("src/types/c.rs", "use super::b::B;")];
        assert_eq!(found(&types), [""; 0]);
        let other = [("src/types/b.rs", "use crate::c::C;"), ("src/c.rs", "use crate::types::b::B;")];
        assert_eq!(found(&other).len(), 1);
    }
}
