//! Applicants, reviewers and administrators act at random, and every answer of the gateway is compared with the rules:
//! nobody is rejected without the decision of a reviewer, nothing opens without a claim or an inspection, every opening
//! is in the audit trail before anything is shown, decisions that need two reviewers have two, and the chain of the
//! trail verifies. What the rules allow must succeed.
//!
//! The acts and the rules are in `support::acts`.

use std::collections::{BTreeMap, VecDeque};

use gigway::domain::user::Role;

use crate::support::acts::choice::Chooser;
use crate::support::acts::model::{Entry, LIMITS, Model, Person};
use crate::support::acts::world::{TOKEN_SECONDS, World};
use crate::support::acts::{Act, Answer, Expected, Step, matches, records};
use crate::support::on_both_back_ends;
use crate::support::test_app::TestApp;

/// How many acts there are in one run, at least.
const ACTS: usize = 10_000;

/// How many there are at most. Which of two acts at once comes first is chance, and changes what follows. So a run goes
/// on until it has tried everything that it must have tried.
const ACTS_MAX: usize = 2 * ACTS;

/// The random seed, unless `GIGWAY_ACTS_SEED` is set. It chooses the acts, by what has happened before. Of two acts at
/// once, either can come first, so another run with the same seed can go another way. A failure says which came first.
const SEED: u64 = 20_261_130;

/// After how many steps everything is compared.
const STEPS_BETWEEN_CHECKS: usize = 100;

/// After how many steps all records are checked.
const STEPS_BETWEEN_REPLAYS: usize = 2000;

/// The last steps that are printed if the test fails.
const STEPS_PRINTED: usize = 25;

/// Everybody's name and their first role. The last one does nothing.
const PEOPLE: [(&str, Role); 12] = [
    ("Ann", Role::Member),
    ("Bob", Role::Member),
    ("Cid", Role::Member),
    ("Dora", Role::Member),
    ("Eve", Role::Member),
    ("Finn", Role::Member),
    ("Rita", Role::Reviewer),
    ("Rob", Role::Reviewer),
    ("Roy", Role::Reviewer),
    ("Ada", Role::Admin),
    ("Axel", Role::Admin),
    ("Nina", Role::Reviewer),
];

const MEMBERS: usize = 6;
const OBSERVER: usize = PEOPLE.len() - 1;

/// What must have happened at least once, so that the test has tried it.
const COVERAGE: [&str; 41] = [
    "Block",
    "Claim: ALREADY_CLAIMED",
    "Claim: FORBIDDEN",
    "Claim: INVALID_TRANSITION",
    "Claim: LIMIT_REACHED",
    "Claim: NOT_ALLOWED",
    "Claim: CLAIMED",
    "Decide CLEAR: ALREADY_CLAIMED",
    "Decide CLEAR: CLAIM_REQUIRED",
    "Decide CLEAR: CLEARED",
    "Decide CLEAR: FORBIDDEN",
    "Decide CLEAR: IN_REVIEW",
    "Decide CLEAR: REQUIRED",
    "Decide CLEAR: STALE_VERSION",
    "Decide REJECT: IN_REVIEW",
    "Decide REJECT: REJECTED",
    "Decide REQUEST_RESUBMISSION: ACTION_REQUIRED",
    "Decide REQUEST_RESUBMISSION: ATTEMPTS_EXHAUSTED",
    "Decide REQUEST_RESUBMISSION: IN_REVIEW",
    "Decide REVOKE: CLEARED",
    "Decide REVOKE: INSPECTION_REQUIRED",
    "Decide REVOKE: INVALID_TRANSITION",
    "Decide REVOKE: REVOKED",
    "FetchPicture: 200",
    "FetchPicture: 404",
    "Inspect: FORBIDDEN",
    "Inspect: INVALID_TRANSITION",
    "Inspect: REJECTED",
    "OpenForm: closed",
    "OpenForm: open",
    "OpenWithoutTrail: failed",
    "Release: ALREADY_CLAIMED",
    "Release: INVALID_TRANSITION",
    "Release: NOT_ALLOWED",
    "Release: OPEN",
    "Reopen: IN_PROGRESS",
    "Reopen: INVALID_TRANSITION",
    "SaveForm: INVALID_TRANSITION",
    "SaveForm: UNAUTHENTICATED",
    "Submit: IN_REVIEW",
    "Submit: REQUIRED",
];

/// One run of the test.
struct Run<'a> {
    seed: u64,
    model: Model,
    world: World<'a>,
    chooser: Chooser,
    /// How often what has happened.
    coverage: BTreeMap<String, usize>,
    last_steps: VecDeque<String>,
    acts: usize,
    /// Of all pairs of acts at once: `1` if the one that was chosen first came first, otherwise `2`.
    orders: String,
}

impl Run<'_> {
    /// One act, or two at once.
    async fn step(&mut self) {
        let step = self.chooser.next(&self.model);
        if step.act.is_one_request() && rand::Rng::random_ratio(&mut self.chooser.rng, 1, 8) {
            let second = self.chooser.next(&self.model);
            if second.act.is_one_request() && !is_order_hidden(&step.act, &second.act) {
                return self.two_at_once(step, second).await;
            }
        }
        self.world.prepare(&mut self.model, step.actor).await;
        let expected = self.model.act(&step);
        let answer = self.world.act(&step).await;
        self.note(&step, &answer);
        assert!(matches(&expected, &answer), "{answer:?} instead of {expected:?}\n{}", self.describe());
        self.remember_item(&step, &answer).await;
        let entries = self.world.new_entries().await;
        assert!(
            is_same(&self.model.entries, &entries),
            "the trail got {entries:?} instead of {:?}\n{}",
            self.model.entries,
            self.describe()
        );
        self.model.entries.clear();
    }

    /// Does two acts at once. The answers and the entries of the trail must be those of one after the other. Which
    /// comes first is not chosen: it depends on the gateways and the database.
    async fn two_at_once(&mut self, first: Step, second: Step) {
        for actor in [first.actor, second.actor] {
            self.world.prepare(&mut self.model, actor).await;
        }
        let answers = tokio::join!(self.world.request(&first), self.world.request(&second));
        self.note(&first, &answers.0);
        self.note(&second, &answers.1);
        let mut models = [self.model.clone(), self.model.clone()];
        let of_first = (models[0].act(&first), models[0].act(&second));
        let of_second = models[1].act(&second);
        let of_second = (models[1].act(&first), of_second);
        let expected = [of_first, of_second];
        let is_match = |expected: &(Expected, Expected)| {
            matches(&expected.0, &answers.0) && matches(&expected.1, &answers.1)
        };
        let entries = self.world.new_entries().await;
        // Both orders can have the same answers, such as those of a claim and a release. The trail tells them apart.
        let is_refusal = |entry: &Entry| entry.2 == "DECISION_REFUSED";
        let mut orders = models.into_iter().zip(&expected);
        let explained = orders.find(|(model, expected)| {
            // A refusal is recorded after the act that was refused, so others can come in between.
            let mut in_order = model.entries.clone();
            let is_second_later = entries.last().is_some_and(|last| last.2 == "DECISION_REFUSED");
            if is_second_later && in_order.first().is_some_and(is_refusal) {
                in_order.reverse();
            }
            is_match(expected) && (is_same(&in_order, &entries) || is_same(&model.entries, &entries))
        });
        let Some((model, order)) = explained else {
            panic!("{answers:?} and {entries:?} instead of one of {expected:?}\n{}", self.describe())
        };
        self.orders.push(if std::ptr::eq(order, &raw const expected[0]) { '1' } else { '2' });
        self.model = model;
        self.model.entries.clear();
        self.remember_item(&first, &answers.0).await;
        self.remember_item(&second, &answers.1).await;
    }

    /// Counts an act by what has come of it.
    fn note(&mut self, step: &Step, answer: &Answer) {
        self.acts += 1;
        let outcomes: Vec<String> = match answer {
            Err(codes) => codes.iter().cloned().collect(),
            Ok(data) => {
                let text =
                    |pointer: &str| data.pointer(pointer).and_then(|it| it.as_str()).map(str::to_owned);
                let status = data["status"].as_u64().map(|status| status.to_string());
                let form = data["node"].get("personalInfo");
                let form = form.map(|form| if form.is_null() { "closed" } else { "open" }.to_owned());
                let outcome = text("/verification/status").or_else(|| text("/item/state")).or(status);
                outcome.or(form).or_else(|| text("/form")).into_iter().collect()
            }
        };
        let name = step.act.name();
        let outcomes = outcomes.iter().map(|outcome| format!("{name}: {outcome}"));
        for key in outcomes.chain([name.clone()]) {
            *self.coverage.entry(key).or_default() += 1;
        }
        let actor = PEOPLE[step.actor].0;
        self.last_steps.push_back(format!("{} {actor}: {:?}: {answer:?}", self.acts, step.act));
        if self.last_steps.len() > STEPS_PRINTED {
            self.last_steps.pop_front();
        }
    }

    /// What can be found out with, if an act has another answer than expected.
    fn describe(&self) -> String {
        let steps = self.last_steps.iter().map(String::as_str).collect::<Vec<_>>().join("\n");
        format!(
            "seed {}, after act {}; the last acts:\n{steps}\nThe seed leads here again only if of each pair of acts at \
             once, the same one comes first. So far, it was: {}",
            self.seed, self.acts, self.orders
        )
    }

    /// What has not happened yet.
    fn untried(&self) -> Vec<&'static str> {
        COVERAGE.into_iter().filter(|it| !self.coverage.contains_key(*it)).collect()
    }

    /// Remembers the new item after a submission.
    async fn remember_item(&mut self, step: &Step, answer: &Answer) {
        if matches!(step.act, Act::Submit) && answer.is_ok() {
            self.world.remember_item(step.actor).await;
        }
    }
}

/// Whether neither the answers nor the trail show which of the two came first, although it matters: a decision for
/// fraud raises a flag on later submissions.
fn is_order_hidden(first: &Act, second: &Act) -> bool {
    let is_pair =
        |first: &Act, second: &Act| matches!(first, Act::Submit) && matches!(second, Act::Decide { .. });
    is_pair(first, second) || is_pair(second, first)
}

/// Whether the trail has got exactly the entries that the model expects, in their order.
fn is_same(expected: &[Entry], entries: &[(Option<usize>, usize, String)]) -> bool {
    let expected = expected.iter().copied();
    expected.eq(entries.iter().map(|(actor, subject, action)| (*actor, *subject, action.as_str())))
}

async fn every_answer_and_every_record_follows_the_rules(app: TestApp) {
    let app = app
        .with_settings(|settings| {
            settings.limits = Some(LIMITS.to_owned());
            settings.access_token_seconds = Some(TOKEN_SECONDS.to_string());
        })
        .await;
    app.freeze_clock();
    let seed = std::env::var("GIGWAY_ACTS_SEED").ok().and_then(|seed| seed.parse().ok()).unwrap_or(SEED);
    let people = PEOPLE.map(|(name, role)| Person::new(name, role));
    let model = Model::new(app.now(), people.into());
    let world = World::create(&app, &model).await;
    let mut run = Run {
        seed,
        model,
        world,
        chooser: Chooser::new(seed, OBSERVER, MEMBERS),
        coverage: BTreeMap::new(),
        last_steps: VecDeque::new(),
        acts: 0,
        orders: String::new(),
    };
    // Everybody has begun, so that others can see their verification.
    for actor in 0..OBSERVER {
        let document_number = u32::try_from(actor).expect("few people");
        let step = Step { actor, act: Act::SaveForm { document_number }, is_at_b: false };
        let (expected, answer) = (run.model.act(&step), run.world.act(&step).await);
        assert!(matches(&expected, &answer), "{answer:?} instead of {expected:?}");
    }
    let mut steps = 0;
    while run.acts < ACTS || (run.acts < ACTS_MAX && !run.untried().is_empty()) {
        run.step().await;
        steps += 1;
        if steps % STEPS_BETWEEN_CHECKS == 0 {
            run.world.check_all(&mut run.model, OBSERVER).await;
        }
        if steps % STEPS_BETWEEN_REPLAYS == 0 {
            records::check(&app).await;
        }
    }
    run.world.check_all(&mut run.model, OBSERVER).await;
    let totals = records::check(&app).await;
    assert!(totals.openings > 1000 && totals.cleared_by_two > 5, "{totals:?}: {:#?}", run.coverage);
    let rejected = run.model.people.iter().filter(|person| person.status == "REJECTED").count();
    assert_eq!(totals.rejected, rejected, "the rows that are REJECTED");
    let untried = run.untried();
    assert!(untried.is_empty(), "seed {seed} has not tried {untried:?}: {:#?}", run.coverage);
}

on_both_back_ends!(every_answer_and_every_record_follows_the_rules);
