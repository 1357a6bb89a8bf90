//! The actors of the demo: made-up people who post gigs, review them, pause and resume them, so that a page moves
//! (docs/adr/0043).
//!
//! They use the same services as everybody else. They have accounts of their own, whose passwords nobody knows: so what
//! people do with the accounts that the demo prints is theirs alone. An actor touches only gigs of actors, and no review
//! item that somebody else has claimed.
//!
//! They act only while somebody subscribes to events. The number of their gigs and of their reviews is bounded; after
//! the last review they only pause and resume, which adds no rows but events, and these expire.

use std::sync::Arc;
use std::time::Duration;

use chrono::{DateTime, Utc};
use rand::rngs::StdRng;
use rand::seq::IndexedRandom;
use rand::{Rng, SeedableRng};

use crate::demo::offers::{OFFERS, Offer};
use crate::demo::{SEED, drawings, people};
use crate::domain::account::SignUpForm;
use crate::domain::gig::{Gig, GigStatus, GigTransition};
use crate::domain::gig_form::GigForm;
use crate::domain::id::{GigId, SessionId, SubjectId};
use crate::domain::reason::ReasonForm;
use crate::domain::review::{GigDecision, ReviewState};
use crate::domain::user::{Role, Viewer};
use crate::media::images::Bounds;
use crate::service::reviews::GigDecisionInput;
use crate::service::tokens::RefreshToken;
use crate::service::{Error, Result, Services, accounts, gigs, images, reviews};
use crate::store;
use crate::store::{categories, users};

/// The time between two acts. The catalogue changes with every other one.
const PAUSE: Duration = Duration::from_secs(3);

/// The time until the next act after a failure.
const PAUSE_AFTER_FAILURE: Duration = Duration::from_secs(30);

/// How many gigs of an actor are not archived. It is less than a seller may have.
const GIGS_PER_SELLER: usize = 4;

/// How many gigs the actors submit to reviews in all, however often the gateway is started. Each adds some rows.
const REVIEWS_MAX: u64 = 2000;

/// How many gigs of actors wait for a review at the same time, if people have claimed them.
const WAITING_MAX: usize = 3;

/// How many gigs are published before anybody looks, so that there is something to pause and resume.
const PUBLISHED_FIRST: usize = 4;

/// More gigs of an actor are not looked at: those that were archived.
const FOUND_MAX: u64 = 500;

/// One of this many gigs is rejected, and then edited.
const REJECTED_RATIO: u32 = 6;

/// The request id in the audit trail.
const REQUEST_ID: &str = "demo";

/// Lets the actors act until the future is dropped. A failure is logged, and they go on.
pub async fn run(services: Arc<Services>) {
    let mut actors = loop {
        match Box::pin(Actors::begin(&services, REVIEWS_MAX)).await {
            Ok(actors) => break actors,
            Err(error) => tracing::warn!(%error, "the actors of the demo cannot begin"),
        }
        tokio::time::sleep(PAUSE_AFTER_FAILURE).await;
    };
    loop {
        tokio::time::sleep(PAUSE).await;
        if services.streams.dispatcher().subscriber_count() == 0 {
            continue;
        }
        if let Err(error) = Box::pin(actors.act(&services)).await {
            // Two gateways may let the same actor act, and people may review the gigs of actors.
            tracing::info!(%error, "an actor of the demo failed");
            tokio::time::sleep(PAUSE_AFTER_FAILURE).await;
        }
    }
}

/// The actors.
#[derive(Debug)]
pub struct Actors {
    sellers: Vec<Viewer>,
    reviewers: Vec<Viewer>,
    /// How many reviews they make in all.
    reviews_max: u64,
    rng: StdRng,
    is_catalogue_next: bool,
}

impl Actors {
    /// Finds the accounts of the actors, creates those that do not exist, and lets them publish the first gigs.
    ///
    /// # Errors
    /// For example, if the configured limits reject their gigs.
    pub async fn begin(services: &Services, reviews_max: u64) -> Result<Self> {
        let rng = StdRng::seed_from_u64(SEED);
        let (mut sellers, mut reviewers) = (Vec::new(), Vec::new());
        for (name, mailbox, role) in people::ACTORS {
            let email = format!("{mailbox}@actors.example.com");
            if users::find_credentials(services.db.read(), &email).await?.is_none() {
                // 256 random bits, which are forgotten.
                let password = RefreshToken::generate()?.token;
                let form = SignUpForm { email: email.clone(), display_name: name.to_owned() };
                accounts::add_user(services, form, password, role).await?;
            }
            let Some(actor) = find_viewer(services, &email, role).await? else { continue };
            if actor.user.display_name != name {
                // A person has signed up with this e-mail.
                continue;
            }
            if role == Role::Reviewer { reviewers.push(actor) } else { sellers.push(actor) }
        }
        let mut actors = Self { sellers, reviewers, reviews_max, rng, is_catalogue_next: true };
        // Each gig takes three steps, and three more if it is rejected first.
        for _ in 0..PUBLISHED_FIRST * 6 {
            if actors.find_listed(services).await?.len() >= PUBLISHED_FIRST {
                break;
            }
            actors.review(services).await?;
        }
        Ok(actors)
    }

    /// Changes the catalogue and takes the next step of a review, in turns.
    ///
    /// # Errors
    /// Those of the services, for example if somebody has reviewed the gig meanwhile.
    pub async fn act(&mut self, services: &Services) -> Result<()> {
        self.is_catalogue_next = !self.is_catalogue_next;
        if self.is_catalogue_next {
            self.review(services).await
        } else {
            self.change_catalogue(services).await
        }
    }

    /// The gigs that are ACTIVE or PAUSED, with the position of their sellers.
    async fn find_listed(&self, services: &Services) -> Result<Vec<(usize, Gig)>> {
        let mut listed = Vec::new();
        for (position, seller) in self.sellers.iter().enumerate() {
            for gig in find_gigs(services, seller).await? {
                if matches!(gig.status, GigStatus::Active | GigStatus::Paused) {
                    listed.push((position, gig));
                }
            }
        }
        Ok(listed)
    }

    /// Takes a gig off the market, or publishes a paused one.
    async fn change_catalogue(&mut self, services: &Services) -> Result<()> {
        let (paused, active): (Vec<_>, Vec<_>) = self
            .find_listed(services)
            .await?
            .into_iter()
            .partition(|(_, gig)| gig.status == GigStatus::Paused);
        // At most about one in three is paused.
        let (candidates, transition) = if paused.len() * 2 >= active.len() {
            (paused, GigTransition::Resume)
        } else {
            (active, GigTransition::Pause)
        };
        if let Some((seller, gig)) = candidates.choose(&mut self.rng) {
            gigs::change_status(services, &self.sellers[*seller], gig.id, transition).await?;
        }
        Ok(())
    }

    /// Takes the next step of a review: decides what an actor has claimed, or claims what is open, or submits a gig.
    async fn review(&mut self, services: &Services) -> Result<()> {
        let mut waiting = Vec::new();
        for seller in &self.sellers {
            waiting.extend(find_gigs(services, seller).await?);
        }
        waiting.retain(|gig| gig.status == GigStatus::InReview);
        let subjects: Vec<_> = waiting.iter().map(|gig| SubjectId::Gig(gig.id)).collect();
        let items = store::reviews::find_undecided(services.db.read(), &subjects).await?;
        let now = services.now();
        for item in &items {
            let claimant = item.claimant(now);
            let reviewer = self.reviewers.iter().find(|reviewer| Some(reviewer.id()) == claimant);
            let gig = waiting.iter().find(|gig| SubjectId::Gig(gig.id) == item.subject_id);
            if let Some((reviewer, gig)) = reviewer.zip(gig) {
                return decide(services, reviewer, gig, self.rng.random_ratio(1, REJECTED_RATIO)).await;
            }
        }
        let open = items.iter().find(|item| item.state(now) == ReviewState::Open);
        if let Some((item, reviewer)) = open.zip(self.reviewers.choose(&mut self.rng)) {
            return reviews::claim(services, reviewer, item.id, REQUEST_ID).await.map(drop);
        }
        // Other people have claimed what waits.
        if waiting.len() < WAITING_MAX { self.submit(services).await } else { Ok(()) }
    }

    /// Submits a gig to a review: a new one, or one that exists and is edited. Archives gigs that cannot be edited.
    async fn submit(&mut self, services: &Services) -> Result<()> {
        let Some(seller) = self.sellers.choose(&mut self.rng) else { return Ok(()) };
        let own = find_gigs(services, seller).await?;
        let can_be_edited = |gig: &Gig| gig.check(GigTransition::Edit).is_ok();
        let is_over = |gig: &&Gig| {
            matches!(gig.status, GigStatus::Rejected | GigStatus::Suspended) && !can_be_edited(gig)
        };
        if let Some(gig) = own.iter().find(is_over) {
            return gigs::change_status(services, seller, gig.id, GigTransition::Archive).await.map(drop);
        }
        let reviewers: Vec<_> = self.reviewers.iter().map(Viewer::id).collect();
        let reviews = store::reviews::records::count_by_reviewers(services.db.read(), &reviewers).await?;
        if reviews >= self.reviews_max {
            return Ok(());
        }
        if own.len() < GIGS_PER_SELLER {
            return post(services, seller, &own, &mut self.rng).await;
        }
        let rejected = own.iter().find(|gig| gig.status == GigStatus::Rejected);
        let gig = rejected.or_else(|| own.choose(&mut self.rng)).filter(|gig| can_be_edited(gig));
        if let Some(gig) = gig {
            let form = GigForm { delivery_days: Some(self.rng.random_range(1..=14)), ..GigForm::default() };
            gigs::edit(services, seller, gig.id, Some(gig.version), form).await?;
        }
        Ok(())
    }
}

/// The actor with this e-mail, as the signed-in user of a request.
async fn find_viewer(services: &Services, email: &str, role: Role) -> Result<Option<Viewer>> {
    let db = services.db.read();
    let Some(credentials) = users::find_credentials(db, email).await? else { return Ok(None) };
    let user = users::find_all(db, &[credentials.user_id]).await?.pop();
    let (session_id, access_until) = (SessionId::nil(), DateTime::<Utc>::MAX_UTC);
    Ok(user.map(|user| Viewer { user, email: email.to_owned(), role, session_id, access_until }))
}

/// The gigs of an actor that are not archived.
async fn find_gigs(services: &Services, seller: &Viewer) -> Result<Vec<Gig>> {
    let db = services.db.read();
    let mut found = store::gigs::find_of_seller(db, seller.id(), GigId::nil(), FOUND_MAX).await?;
    found.retain(|gig| gig.status != GigStatus::Archived);
    Ok(found)
}

/// Posts an offer that is not among the gigs of the seller, with a drawing.
async fn post(services: &Services, seller: &Viewer, own: &[Gig], rng: &mut StdRng) -> Result<()> {
    let is_new = |offer: &&Offer| own.iter().all(|gig| gig.content.title != offer.title);
    let offers: Vec<_> = OFFERS.iter().filter(is_new).collect();
    let Some(offer) = offers.choose(rng) else { return Ok(()) };
    let all = categories::all(services.db.read()).await?;
    let Some(position) = all.iter().position(|category| category.slug == offer.category) else {
        return Ok(());
    };
    let number = u16::try_from(position).map_err(Error::internal)? * drawings::PER_CATEGORY;
    let bounds = Bounds { stored_max_bytes: services.limits.gig.image_max_bytes, ..Bounds::default() };
    let drawn = tokio::task::spawn_blocking(move || drawings::draw(number, &bounds)).await;
    let (drawing, _) = drawn.map_err(Error::internal)?.map_err(Error::internal)?;
    let image = images::upload(services, seller, drawing.bytes, Some("A drawing".to_owned())).await?;
    let form = offer.form(all[position].id, vec![image.id]);
    gigs::post(services, seller, None, form).await.map(drop)
}

/// Decides about a gig of an actor that this actor has claimed.
async fn decide(services: &Services, reviewer: &Viewer, gig: &Gig, is_rejected: bool) -> Result<()> {
    let reason = ReasonForm {
        code: "LOW_QUALITY_IMAGE".to_owned(),
        field: Some(vec!["imageIds".to_owned(), "0".to_owned()]),
        message: None,
    };
    let input = GigDecisionInput {
        gig_id: gig.id,
        decision: if is_rejected { GigDecision::Reject } else { GigDecision::Approve },
        expected_version: gig.version,
        reasons: is_rejected.then_some(reason).into_iter().collect(),
        internal_note: None,
    };
    reviews::decide_gig(services, reviewer, input, REQUEST_ID).await.map(drop)
}
