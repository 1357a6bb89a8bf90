//! The quality of pictures of identity documents.

use async_graphql::{Enum, SimpleObject};

use crate::domain::picture_quality;
use crate::domain::verification;
use crate::service::Services;

/// What is wrong with a picture.
#[derive(Enum, Clone, Copy, PartialEq, Eq)]
#[graphql(remote = "picture_quality::PictureWarningCode")]
pub enum PictureWarningCode {
    /// The picture is blurred.
    Blurred,
    /// A part of the picture shows nothing but light.
    Glare,
    /// The picture is too dark.
    Dark,
}

/// A warning about a picture. The user may take a better picture, or submit this one.
#[derive(SimpleObject)]
pub struct PictureWarning {
    /// What is wrong, for programs.
    code: PictureWarningCode,
    /// What is wrong and what to do, for people, in English.
    message: &'static str,
}

impl From<picture_quality::PictureWarning> for PictureWarning {
    fn from(warning: picture_quality::PictureWarning) -> Self {
        Self { code: warning.code.into(), message: warning.message }
    }
}

/// What was measured in a picture when it was uploaded.
#[derive(SimpleObject)]
pub struct PictureQuality {
    /// The variance of the Laplacian of the grey values: the less, the more blurred.
    sharpness: i32,
    /// How much of the picture shows nothing but light, in percent.
    glare_percent: f64,
    /// How bright the bright parts are, in percent of white.
    brightness_percent: f64,
}

impl From<picture_quality::PictureQuality> for PictureQuality {
    fn from(quality: picture_quality::PictureQuality) -> Self {
        Self {
            sharpness: quality.sharpness,
            glare_percent: f64::from(quality.glare_permille) / 10.0,
            brightness_percent: f64::from(quality.brightness_permille) / 10.0,
        }
    }
}

/// The warnings about an uploaded picture.
pub fn warnings_of(document: &verification::IdentityDocument, services: &Services) -> Vec<PictureWarning> {
    let warnings = document.warnings(&services.limits.verification);
    warnings.into_iter().map(PictureWarning::from).collect()
}
