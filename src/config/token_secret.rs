//! A secret that signs tokens, from `GIGWAY_TOKEN_SECRET`.

use secrecy::SecretString;

use crate::config::parsing::parse_secret;
use crate::config::{ConfigError, SECRET_EXAMPLE, SECRET_MIN_CHARS};

const VARIABLE: &str = "GIGWAY_TOKEN_SECRET";

/// A secret and its id, which tokens name.
#[derive(Debug, Clone)]
pub struct TokenSecret {
    /// `None` for a single secret without an id.
    pub id: Option<String>,
    pub secret: SecretString,
}

/// Parses one secret, or secrets of the form `id:secret`, newest last, separated by commas or line breaks. Empty
/// if there is none and none is required.
pub(super) fn parse_token_secrets(
    text: Option<String>,
    is_required: bool,
) -> Result<Vec<TokenSecret>, ConfigError> {
    let error =
        |problem: String| ConfigError::new(VARIABLE, format!("is invalid: {problem}"), SECRET_EXAMPLE);
    match text {
        Some(list) if split_id(list.trim_start()).is_some() => parse_list(&list).map_err(error),
        single => {
            let secret = parse_secret(VARIABLE, single, is_required)?;
            Ok(secret.map(|secret| TokenSecret { id: None, secret }).into_iter().collect())
        }
    }
}

/// The messages contain neither an id nor a secret: what looks like an id can be a part of a secret.
fn parse_list(list: &str) -> Result<Vec<TokenSecret>, String> {
    let mut secrets: Vec<TokenSecret> = Vec::new();
    let entries = list.split([',', '\n']).map(str::trim).filter(|entry| !entry.is_empty());
    for (number, entry) in (1..).zip(entries) {
        let (id, secret) = split_id(entry).ok_or_else(|| {
            format!(
                "entry {number} is not of the form id:secret, with an id of 1 to 64 letters, digits, - _ or ."
            )
        })?;
        if secrets.iter().any(|other| other.id.as_deref() == Some(id)) {
            return Err(format!("the id of entry {number} is used twice"));
        }
        if secret.chars().count() < SECRET_MIN_CHARS {
            return Err(format!(
                "the secret of entry {number} is too short: expected at least {SECRET_MIN_CHARS} characters"
            ));
        }
        secrets.push(TokenSecret { id: Some(id.to_owned()), secret: secret.into() });
    }
    Ok(secrets)
}

/// Splits `id:secret`; `None` if the text does not begin with an id.
fn split_id(entry: &str) -> Option<(&str, &str)> {
    let is_allowed = |byte: u8| byte.is_ascii_alphanumeric() || b"-_.".contains(&byte);
    entry.split_once(':').filter(|(id, _)| (1..=64).contains(&id.len()) && id.bytes().all(is_allowed))
}

#[cfg(test)]
mod tests {
    use secrecy::ExposeSecret;

    use super::*;

    fn parse(text: &str) -> Result<Vec<(Option<String>, String)>, String> {
        let secrets = parse_token_secrets(Some(text.to_owned()), true).map_err(|error| error.to_string())?;
        Ok(secrets.into_iter().map(|secret| (secret.id, secret.secret.expose_secret().to_owned())).collect())
    }

    #[test]
    fn one_secret_needs_no_id_and_several_do() {
        let (old, new) = ("o".repeat(32), "n".repeat(32));
        let named = |id: &str, secret: &str| (Some(id.to_owned()), secret.to_owned());
        for single in [old.clone(), format!("{old},{new}"), format!("{old} :{new}"), format!("a b:{old}")] {
            assert_eq!(parse(&single), Ok(vec![(None, single.clone())]), "{single}");
        }
        assert_eq!(parse(&format!("2026:{old}")), Ok(vec![named("2026", &old)]));
        for list in [format!("2026:{old},2027:{new}"), format!("2026:{old}\n 2027:{new}\n,")] {
            assert_eq!(parse(&list), Ok(vec![named("2026", &old), named("2027", &new)]), "{list}");
        }
        assert!(parse_token_secrets(None, true).is_err());
        assert!(parse_token_secrets(None, false).is_ok_and(|secrets| secrets.is_empty()));
    }

    #[test]
    fn an_invalid_list_is_reported_without_its_secrets() {
        let (old, new) = ("o".repeat(32), "n".repeat(32));
        for (invalid, problem) in [
            (format!("2026:{old},{new}"), "entry 2 is not of the form id:secret"),
            (format!("2026:{old},2026:{new}"), "entry 2 is used twice"),
            (format!("2026:{old},2027:short"), "entry 2 is too short"),
            ("2026:".to_owned(), "entry 1 is too short"),
            (format!("2026:{old},:{new}"), "entry 2 is not of the form id:secret"),
        ] {
            let error = parse(&invalid).expect_err("invalid");
            assert!(error.starts_with("GIGWAY_TOKEN_SECRET is invalid: "), "{error}");
            assert!(error.contains(problem), "{error}");
            assert!(!error.contains(&old) && !error.contains(&new) && !error.contains("2026"), "{error}");
        }
    }
}
