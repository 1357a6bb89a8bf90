//! Reads about the review of verifications: who may open and decide them, and the record of the review.

use std::collections::HashMap;

use async_graphql::dataloader;

use crate::domain::id::{DecisionId, ReviewItemId, SubjectId, UserId};
use crate::domain::review_record::{Inspection, Proposal, ReviewRecord};
use crate::domain::user::Role;
use crate::domain::verification_decision::Delivery;
use crate::graphql::error::Error;
use crate::graphql::loaders::{LoadResult, Loader};
use crate::service::{identity_access, review_history};
use crate::store::reviews::records;
use crate::store::{inspections, openings};

/// Whether the viewer, a reviewer, may open the identity data of a user now. If not, the key is missing from the
/// result.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct OpenDataOf(pub UserId);

/// The inspection of a user's verification by the viewer, if it has not expired.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct InspectionOf(pub UserId);

/// The decision about a user's verification that waits for a second reviewer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct ProposalAbout(pub UserId);

/// A row of the record of reviews.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct RecordOf {
    pub id: DecisionId,
    pub subject_id: SubjectId,
}

/// The pictures that were delivered in the review of an item.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct DeliveriesOf(pub ReviewItemId);

/// The record of the reviews of a subject, for reviewers, newest first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct HistoryOf(pub SubjectId);

impl dataloader::Loader<OpenDataOf> for Loader {
    type Value = ();
    type Error = Error;

    async fn load(&self, keys: &[OpenDataOf]) -> LoadResult<OpenDataOf, ()> {
        let Some(viewer) = &self.viewer else { return Ok(HashMap::new()) };
        let ids: Vec<_> = keys.iter().map(|key| key.0).collect();
        let open = identity_access::find_open(&self.services, &self.db, viewer, &ids).await?;
        Ok(open.into_iter().map(|user_id| (OpenDataOf(user_id), ())).collect())
    }
}

impl dataloader::Loader<InspectionOf> for Loader {
    type Value = Inspection;
    type Error = Error;

    async fn load(&self, keys: &[InspectionOf]) -> LoadResult<InspectionOf, Inspection> {
        let Some(admin) = self.viewer.as_ref().filter(|viewer| viewer.role == Role::Admin) else {
            return Ok(HashMap::new());
        };
        let ids: Vec<_> = keys.iter().map(|key| key.0).collect();
        let now = self.services.now();
        let found = inspections::find_all_active(&self.db, admin.id(), &ids, now).await?;
        Ok(found.into_iter().map(|inspection| (InspectionOf(inspection.subject_id), inspection)).collect())
    }
}

impl dataloader::Loader<ProposalAbout> for Loader {
    type Value = Proposal;
    type Error = Error;

    async fn load(&self, keys: &[ProposalAbout]) -> LoadResult<ProposalAbout, Proposal> {
        let ids: Vec<_> = keys.iter().map(|key| key.0).collect();
        let cutoff = self.services.limits.four_eyes.proposal_cutoff(self.services.now());
        let proposals = records::find_proposals(&self.db, &ids, cutoff).await?;
        Ok(proposals.into_iter().map(|(user_id, proposal)| (ProposalAbout(user_id), proposal)).collect())
    }
}

impl dataloader::Loader<DeliveriesOf> for Loader {
    type Value = Vec<Delivery>;
    type Error = Error;

    async fn load(&self, keys: &[DeliveriesOf]) -> LoadResult<DeliveriesOf, Vec<Delivery>> {
        let ids: Vec<_> = keys.iter().map(|key| key.0).collect();
        let deliveries = openings::deliveries_of(&self.db, &ids).await?;
        Ok(deliveries.into_iter().map(|(item_id, found)| (DeliveriesOf(item_id), found)).collect())
    }
}

impl dataloader::Loader<RecordOf> for Loader {
    type Value = ReviewRecord;
    type Error = Error;

    async fn load(&self, keys: &[RecordOf]) -> LoadResult<RecordOf, ReviewRecord> {
        let Some(viewer) = &self.viewer else { return Ok(HashMap::new()) };
        let ids: Vec<_> = keys.iter().map(|key| (key.id, key.subject_id)).collect();
        let found = review_history::find_records(&self.db, viewer, &ids).await?;
        let keyed = found.into_iter();
        Ok(keyed.map(|record| (RecordOf { id: record.id, subject_id: record.subject_id }, record)).collect())
    }
}

impl dataloader::Loader<HistoryOf> for Loader {
    type Value = Vec<ReviewRecord>;
    type Error = Error;

    async fn load(&self, keys: &[HistoryOf]) -> LoadResult<HistoryOf, Vec<ReviewRecord>> {
        let Some(viewer) = &self.viewer else { return Ok(HashMap::new()) };
        let subjects: Vec<_> = keys.iter().map(|key| key.0).collect();
        let found = review_history::find(&self.db, viewer, &subjects).await?;
        Ok(found.into_iter().map(|(subject, history)| (HistoryOf(subject), history)).collect())
    }
}
