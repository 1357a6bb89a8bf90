//! Checks links between documents.

use std::collections::HashMap;
use std::fs;
use std::path::Path;

/// The links without a target: a missing file or heading.
pub fn violations(root: &Path, documents: &[String]) -> Vec<String> {
    let mut violations = Vec::new();
    for document in documents {
        let text = fs::read_to_string(root.join(document)).expect("a document is text");
        let dir = document.rsplit_once('/').map_or("", |(dir, _)| dir);
        for (line, link) in links(&text) {
            if link.contains("://") || link.starts_with("mailto:") {
                continue;
            }
            let (file, anchor) = link.split_once('#').unwrap_or((link.as_str(), ""));
            let target = if file.is_empty() { root.join(document) } else { root.join(dir).join(file) };
            if !target.exists() {
                violations.push(format!("{document}:{line}: no such file: {file} ({link})"));
            } else if !anchor.is_empty() && target.extension().is_some_and(|ending| ending == "md") {
                let text = fs::read_to_string(&target).expect("a document is text");
                if !anchors(&text).iter().any(|known| known == anchor) {
                    violations.push(format!("{document}:{line}: no such heading: #{anchor} ({link})"));
                }
            }
        }
    }
    violations
}

/// The lines outside of code blocks, with their numbers.
pub fn prose(text: &str) -> impl Iterator<Item = (usize, &str)> {
    let mut is_code = false;
    (1..).zip(text.lines()).filter(move |(_, line)| {
        let is_fence = line.trim_start().starts_with("```");
        is_code ^= is_fence;
        !is_code && !is_fence
    })
}

/// The targets of links, with their lines.
fn links(text: &str) -> Vec<(usize, String)> {
    let of_line = |(number, line): (usize, &str)| {
        // Code spans contain no links, but a link text may be a code span.
        let line: String = line.split('`').step_by(2).collect();
        let targets =
            line.split("](").skip(1).filter_map(|rest| rest.split_once(')')).map(|(target, _)| target);
        let targets = targets.filter_map(|target| target.split_whitespace().next());
        targets.map(|target| (number, target.trim_matches(['<', '>']).to_owned())).collect::<Vec<_>>()
    };
    prose(text).flat_map(of_line).collect()
}

/// The anchors that GitHub generates for the headings.
fn anchors(text: &str) -> Vec<String> {
    let mut times: HashMap<String, usize> = HashMap::new();
    let headings = prose(text).filter_map(|(_, line)| {
        let heading = line.trim_start_matches('#');
        (heading.len() < line.len()).then(|| heading.strip_prefix(' '))?
    });
    let anchor_of = |heading: &str| {
        let shown = heading.trim().replace("](", "\u{0}").split('\u{0}').enumerate().fold(
            String::new(),
            // Only the text of a link remains.
            |shown, (at, part)| {
                shown + if at == 0 { part } else { part.split_once(')').map_or("", |(_, rest)| rest) }
            },
        );
        let letters =
            shown.chars().filter(|letter| letter.is_alphanumeric() || matches!(letter, ' ' | '-' | '_'));
        letters.collect::<String>().to_lowercase().replace(' ', "-")
    };
    headings
        .map(anchor_of)
        .map(|anchor| {
            let seen = times.entry(anchor.clone()).or_default();
            *seen += 1;
            if *seen == 1 { anchor } else { format!("{anchor}-{}", *seen - 1) }
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::{anchors, links};

    #[test]
    fn links_are_found_outside_of_code_blocks() {
        let text = "[a](b.md#c) and ![d](e.png \"title\")\n```\n[f](g)\n```\n`[h](i)` [`j`](k)";
        let expected = [(1, "b.md#c"), (1, "e.png"), (5, "k")];
        assert_eq!(links(text), expected.map(|(line, target)| (line, target.to_owned())));
    }

    #[test]
    fn headings_get_the_anchors_of_github() {
        let text = "# One: a `B_c` & D!\n## [Log](x.md) of it\n```\n# no\n```\n#no\n## Same\n## Same";
        assert_eq!(anchors(text), ["one-a-b_c--d", "log-of-it", "same", "same-1"]);
    }
}
