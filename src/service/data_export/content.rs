//! The JSON in the archive of a person's data.

use serde_json::{Value, json};

use crate::domain::category::Category;
use crate::domain::gig::Gig;
use crate::domain::id::{ImageId, PublicId, VerificationId};
use crate::domain::image::GigImage;
use crate::domain::limits::Limits;
use crate::domain::personal_info::PersonalInfo;
use crate::domain::reason::ReviewReason;
use crate::domain::rights::{Consent, ErasureRequest};
use crate::domain::user::Viewer;
use crate::domain::verification::IdentityDocument;
use crate::store::verifications::VerificationRecord;

/// The path of the picture of a document in the archive.
pub fn document_path(document: &IdentityDocument) -> String {
    let side: &str = document.side.into();
    format!("documents/{}.jpg", side.to_lowercase())
}

/// The path of a picture of a gig in the archive.
pub fn image_path(id: ImageId) -> String {
    format!("gig-images/{}.jpg", id.to_public())
}

pub fn account(viewer: &Viewer, request: Option<&ErasureRequest>) -> Value {
    let role: &str = viewer.role.into();
    let user = &viewer.user;
    json!({
        "id": user.id.to_public(),
        "email": viewer.email,
        "displayName": user.display_name,
        "role": role,
        "points": user.points,
        "level": user.level(),
        "verified": user.verified,
        "memberSince": user.member_since,
        "erasureRequest": request.map(|it| json!({ "requestedAt": it.requested_at, "dueAt": it.due_at })),
    })
}

pub fn verification(
    limits: &Limits,
    record: &VerificationRecord,
    form: Option<PersonalInfo>,
    reasons: &[ReviewReason],
    consents: &[Consent],
) -> Value {
    let verification = &record.verification;
    let status: &str = verification.status.into();
    let steps = verification.steps(limits);
    let steps = steps.map(|(step, done_at)| json!({ "label": step.label(), "doneAt": done_at }));
    let document = |document: &IdentityDocument| {
        let (kind, side): (&str, &str) = (document.document_type.into(), document.side.into());
        let warnings = document.warnings(&limits.verification);
        json!({
            "id": document.id.to_public(),
            "type": kind,
            "side": side,
            "uploadedAt": document.uploaded_at,
            "warnings": warnings.iter().map(|warning| warning.message).collect::<Vec<_>>(),
            "file": document_path(document),
        })
    };
    let info = form.map(|info| {
        json!({
            "firstName": info.first_name,
            "lastName": info.last_name,
            "dateOfBirth": info.date_of_birth,
            "addressLine1": info.address_line1,
            "addressLine2": info.address_line2,
            "city": info.city,
            "region": info.region,
            "postalCode": info.postal_code,
            "countryCode": info.country_code,
            "documentNumber": info.document_number,
        })
    });
    let consent = |it: &Consent| json!({ "version": it.text_version, "consentedAt": it.consented_at });
    json!({
        "id": VerificationId::from(verification.user_id).to_public(),
        "status": status,
        "version": verification.version,
        "attemptsUsed": verification.attempts_used,
        "attemptsLeft": verification.attempts_left(limits),
        "submittedAt": verification.submitted_at,
        "reviewDueAt": verification.review_due_at,
        "clearedAt": verification.cleared_at,
        "steps": steps,
        "reasons": reasons.iter().map(reason).collect::<Vec<_>>(),
        "personalInfo": info,
        "documents": verification.documents.iter().map(document).collect::<Vec<_>>(),
        "consents": consents.iter().map(consent).collect::<Vec<_>>(),
    })
}

pub fn gig<'a>(
    gig: &Gig,
    category: Option<&Category>,
    reasons: &[ReviewReason],
    images: impl Iterator<Item = &'a GigImage>,
) -> Value {
    let status: &str = gig.status.into();
    let content = &gig.content;
    let image = |image: &GigImage| json!({ "id": image.id.to_public(), "altText": image.alt_text, "file": image_path(image.id) });
    json!({
        "id": gig.id.to_public(),
        "status": status,
        "version": gig.version,
        "title": content.title,
        "description": content.description,
        "category": category.map(|category| &category.name),
        "price": content.price.to_decimal().to_string(),
        "deliveryDays": content.delivery_days,
        "revisions": content.revisions,
        "tags": content.tags,
        "links": content.links,
        "createdAt": gig.created_at,
        "submittedAt": gig.submitted_at,
        "publishedAt": gig.published_at,
        "reviewDueAt": gig.review_due_at,
        "reviewReasons": reasons.iter().map(reason).collect::<Vec<_>>(),
        "images": images.map(image).collect::<Vec<_>>(),
    })
}

fn reason(reason: &ReviewReason) -> Value {
    json!({
        "code": reason.code,
        "category": reason.category,
        "message": reason.message,
        "field": reason.field,
        "retryable": reason.retryable,
    })
}
