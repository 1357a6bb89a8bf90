//! The demo accounts: sellers of five trades, two reviewers and an administrator.

use chrono::{DateTime, TimeDelta, Utc};
use rand::Rng;
use rand::rngs::StdRng;

use crate::demo::NewId;
use crate::domain::limits::points_for_level;
use crate::domain::user::Role;
use crate::store::users::NewUser;

/// The slugs of each trade's categories. A seller offers gigs of one trade only.
const TRADES: [&[&str]; 5] = [
    &[
        "architecture-and-interior-design",
        "graphic-design",
        "packaging-label-design",
        "presentation",
        "squarespace-templates",
        "web-design",
    ],
    &[
        "digital-writing",
        "financial-business-consulting",
        "legal-consulting",
        "press-releases",
        "transcription",
    ],
    &["music", "music-promotion", "photo-video", "voice-over", "white-board-animated-explainers"],
    &["artificial-intelligence", "convert-files", "mobile-apps", "web-development", "web-programming"],
    &[
        "digital-marketing",
        "e-learning-content",
        "lifestyle",
        "marketplace",
        "online-instruction-coaching",
        "telemarketing",
    ],
];

const SELLERS_PER_TRADE: usize = 4;

/// The name, the mailbox and the worker level of each seller, by trade.
const SELLERS: [(&str, &str, i32); TRADES.len() * SELLERS_PER_TRADE] = [
    ("Sofia Marino", "sofia", 4),
    ("Mei Tanaka", "mei", 6),
    ("Nikola Petrović", "nikola", 1),
    ("Ingrid Solberg", "ingrid", 8),
    ("Claire Moreau", "claire", 3),
    ("Lukas Brandt", "lukas", 2),
    ("Grace Mwangi", "grace", 9),
    ("Callum Fraser", "callum", 0),
    ("Leïla Benali", "leila", 5),
    ("Diego Fonseca", "diego", 1),
    ("Thandiwe Ndlovu", "thandiwe", 7),
    ("Hannah Lindqvist", "hannah", 0),
    ("Ravi Menon", "ravi", 2),
    ("Oleksandr Bondar", "oleksandr", 10),
    ("Jonas Keller", "jonas", 4),
    ("Zofia Wiśniewska", "zofia", 0),
    ("Amara Okafor", "amara", 3),
    ("Tomás Herrera", "tomas", 1),
    ("Aylin Demir", "aylin", 2),
    ("Pieter van Dijk", "pieter", 5),
];

const REVIEWERS: [(&str, &str); 2] = [("Miriam Castel", "miriam"), ("Owen Hartley", "owen")];

const ADMIN: (&str, &str) = ("Ada Lindholm", "ada");

/// The name, the mailbox and the role of each actor of the moving demo. Their names say what they are.
pub(super) const ACTORS: [(&str, &str, Role); 5] = [
    ("Robin (demo actor)", "robin", Role::Member),
    ("Kim (demo actor)", "kim", Role::Member),
    ("Alex (demo actor)", "alex", Role::Member),
    ("Sasha (demo actor)", "sasha", Role::Reviewer),
    ("Noor (demo actor)", "noor", Role::Reviewer),
];

/// How many days ago the accounts were created: before every gig.
const ACCOUNT_AGE_DAYS: std::ops::Range<i64> = 130..900;

/// The demo accounts, ready to be stored.
#[derive(Debug)]
pub(super) struct People {
    /// The sellers of each trade, in the order of [`TRADES`]. [`seller_index`] returns indexes into this.
    pub sellers: Vec<NewUser>,
    pub reviewers: Vec<NewUser>,
    pub admin: NewUser,
}

impl People {
    pub(super) fn all(&self) -> impl Iterator<Item = &NewUser> {
        let staff = self.reviewers.iter().chain(std::iter::once(&self.admin));
        self.sellers.iter().chain(staff)
    }
}

/// Generates the accounts.
pub(super) fn people(now: DateTime<Utc>, password_hash: &str, rng: &mut StdRng, new_id: NewId<'_>) -> People {
    let mut account = |(name, mailbox): (&str, &str), role: Role, points: i64| {
        let minutes = rng.random_range(ACCOUNT_AGE_DAYS.start * 24 * 60..ACCOUNT_AGE_DAYS.end * 24 * 60);
        NewUser {
            id: new_id().into(),
            email: format!("{mailbox}@example.com"),
            display_name: name.to_owned(),
            password_hash: password_hash.to_owned(),
            role,
            points,
            created_at: now - TimeDelta::minutes(minutes),
        }
    };
    let sellers = (0_i64..)
        .zip(SELLERS)
        .map(|(number, (name, mailbox, level))| {
            // Points within the level, different for each seller.
            let (reached, next) = (points_for_level(level), points_for_level(level + 1));
            let points = reached + (next - reached) * (number * 37 % 100) / 100;
            account((name, mailbox), Role::Member, points)
        })
        .collect();
    let reviewers = REVIEWERS.into_iter().map(|reviewer| account(reviewer, Role::Reviewer, 0)).collect();
    People { sellers, reviewers, admin: account(ADMIN, Role::Admin, 0) }
}

/// Returns the index of a seller whose trade has the category; `None` if no trade has it. `rotation` chooses
/// among the sellers of the trade.
pub(super) fn seller_index(category: &str, rotation: usize) -> Option<usize> {
    let trade = TRADES.iter().position(|slugs| slugs.contains(&category))?;
    Some(trade * SELLERS_PER_TRADE + rotation % SELLERS_PER_TRADE)
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use rand::SeedableRng;
    use uuid::Uuid;

    use super::*;
    use crate::demo::{PASSWORD, REVIEWER_EMAIL, SELLER_EMAIL};
    use crate::domain::account::{SignUpForm, email_key};
    use crate::domain::limits::{AccountLimits, HIGHEST_LEVEL_SHOWN, level_for_points};

    #[test]
    fn every_account_is_valid_and_every_level_occurs() {
        let mut rng = StdRng::seed_from_u64(1);
        let people = people(DateTime::UNIX_EPOCH, "hash", &mut rng, &Uuid::nil);
        let mut emails = HashSet::new();
        for user in people.all() {
            let form = SignUpForm { email: user.email.clone(), display_name: user.display_name.clone() };
            let checked = form.validate(PASSWORD, &AccountLimits::default()).expect("a valid account");
            assert_eq!((&checked.email, &checked.display_name), (&user.email, &user.display_name));
            assert!(emails.insert(email_key(&user.email)), "{}", user.email);
        }
        assert!(emails.contains(SELLER_EMAIL) && emails.contains(REVIEWER_EMAIL));
        let levels = people.sellers.iter().map(|seller| level_for_points(seller.points));
        let levels: HashSet<i32> = levels.collect();
        assert_eq!(levels, (0..=HIGHEST_LEVEL_SHOWN).collect());
        let wanted = SELLERS.iter().map(|(_, _, level)| *level);
        let points = people.sellers.iter().map(|seller| seller.points);
        assert!(wanted.eq(points.map(level_for_points)));
    }
}
