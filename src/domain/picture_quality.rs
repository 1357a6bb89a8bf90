//! How well a picture of an identity document can be read, and what the applicant reads about it.
//!
//! The measurements are those of `src/media/images/quality.rs`. A bad picture is never refused: the applicant may
//! submit it, and a reviewer decides. Limits: `VerificationLimits` in `limits.rs`.
//!
//! To add a warning: a variant of [`PictureWarningCode`], its condition and its words in
//! [`PictureQuality::warnings`], and the value of the schema's enum in `src/graphql/types/picture_quality.rs`.

use crate::domain::limits::VerificationLimits;

/// What was measured in a picture.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PictureQuality {
    /// The variance of the Laplacian of the grey values: the less, the more blurred. Independent of the exposure.
    pub sharpness: i32,
    /// The pixels that show nothing but light, in thousandths of all.
    pub glare_permille: i32,
    /// How bright the bright parts are, in thousandths of white.
    pub brightness_permille: i32,
}

/// What is wrong with a picture.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PictureWarningCode {
    Blurred,
    Glare,
    Dark,
}

/// A warning about a picture, which the applicant may ignore.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PictureWarning {
    pub code: PictureWarningCode,
    /// What is wrong, and what to do.
    pub message: &'static str,
}

impl PictureQuality {
    /// What is wrong with the picture of a document or, if `is_selfie`, of the person; empty if it is good.
    pub fn warnings(self, is_selfie: bool, limits: &VerificationLimits) -> Vec<PictureWarning> {
        let mut warnings = Vec::new();
        let mut warn = |is_wrong: bool, code, of_document, of_selfie| {
            if is_wrong {
                let message = if is_selfie { of_selfie } else { of_document };
                warnings.push(PictureWarning { code, message });
            }
        };
        warn(
            self.sharpness < limits.picture_sharpness_min,
            PictureWarningCode::Blurred,
            "The picture is blurred. Hold the document flat in daylight.",
            "The picture is blurred. Hold the camera still in daylight.",
        );
        warn(
            self.glare_permille > limits.picture_glare_max_percent * 10,
            PictureWarningCode::Glare,
            "Light is reflected in the picture. Tilt the document, and switch off the flash.",
            "A part of the picture is too bright. Turn away from the light, and switch off the flash.",
        );
        warn(
            self.brightness_permille < limits.picture_brightness_min_percent * 10,
            PictureWarningCode::Dark,
            "The picture is too dark. Take it in daylight, without your shadow on the document.",
            "The picture is too dark. Take it in daylight, facing the light.",
        );
        warnings
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const GOOD: PictureQuality =
        PictureQuality { sharpness: 500, glare_permille: 0, brightness_permille: 800 };

    fn codes(quality: PictureQuality, limits: &VerificationLimits) -> Vec<PictureWarningCode> {
        quality.warnings(false, limits).into_iter().map(|warning| warning.code).collect()
    }

    #[test]
    fn each_limit_decides_about_one_warning() {
        let limits = VerificationLimits::default();
        assert_eq!(codes(GOOD, &limits), []);
        let blurred = PictureQuality { sharpness: limits.picture_sharpness_min - 1, ..GOOD };
        assert_eq!(codes(blurred, &limits), [PictureWarningCode::Blurred]);
        let glaring = PictureQuality { glare_permille: limits.picture_glare_max_percent * 10 + 1, ..GOOD };
        assert_eq!(codes(glaring, &limits), [PictureWarningCode::Glare]);
        let dark =
            PictureQuality { brightness_permille: limits.picture_brightness_min_percent * 10 - 1, ..GOOD };
        assert_eq!(codes(dark, &limits), [PictureWarningCode::Dark]);
        // These values switch the warnings off.
        let off = VerificationLimits {
            picture_sharpness_min: 0,
            picture_glare_max_percent: 100,
            picture_brightness_min_percent: 0,
            ..limits
        };
        let worst = PictureQuality { sharpness: 0, glare_permille: 1000, brightness_permille: 0 };
        assert_eq!(codes(worst, &off), []);
    }

    #[test]
    fn the_words_suit_what_the_picture_shows() {
        let blurred = PictureQuality { sharpness: 0, ..GOOD };
        let message = |is_selfie| blurred.warnings(is_selfie, &VerificationLimits::default())[0].message;
        assert_eq!(message(false), "The picture is blurred. Hold the document flat in daylight.");
        assert!(!message(true).contains("document"));
    }
}
