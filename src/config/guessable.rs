//! Recognizes secrets that are not random.

/// The fewest different characters of a secret, or bytes of a key.
const DISTINCT_MIN: usize = 10;

/// The same of a hexadecimal secret. 32 random digits have more, with near certainty.
const HEX_DISTINCT_MIN: usize = 8;

/// The least entropy of a secret or a key in bits, by how often each of its bytes occurs in it.
const ENTROPY_MIN_BITS: f64 = 80.0;

/// The percentage of characters that are the same as those a fixed distance before them, from which on a
/// secret is a repeated word.
const REPEATED_PERCENT: usize = 75;

/// The percentage of characters that follow their predecessors in the alphabet, or on a keyboard, from which
/// on a secret is such a sequence. In random text it is about 10.
const SEQUENTIAL_PERCENT: usize = 70;

const KEYBOARD_ROWS: [&[u8]; 4] = [b"1234567890", b"qwertyuiop", b"asdfghjkl", b"zxcvbnm"];

/// Whether a secret repeats a word, counts up or down, follows the keyboard, or has too few different
/// characters. Random bytes pass, also in hexadecimal or base64.
pub(super) fn is_guessable(secret: &[u8]) -> bool {
    let mut occurrences = [0_u32; 256];
    for byte in secret {
        occurrences[usize::from(*byte)] += 1;
    }
    let occurrences: Vec<f64> = occurrences.into_iter().filter(|count| *count > 0).map(f64::from).collect();
    let total: f64 = occurrences.iter().sum();
    let bits: f64 = occurrences.iter().map(|count| count * (total / count).log2()).sum();
    let is_hex = secret.iter().all(u8::is_ascii_hexdigit);
    let distinct_min = if is_hex { HEX_DISTINCT_MIN } else { DISTINCT_MIN };
    occurrences.len() < distinct_min
        || bits < ENTROPY_MIN_BITS
        || (1..=secret.len() / 2).any(|distance| is_repeated(secret, distance))
        || is_sequence(secret)
}

fn is_repeated(secret: &[u8], distance: usize) -> bool {
    let pairs = secret.iter().zip(&secret[distance..]);
    let (count, equal) = (pairs.len(), pairs.filter(|(a, b)| a == b).count());
    equal * 100 >= count * REPEATED_PERCENT
}

fn is_sequence(secret: &[u8]) -> bool {
    let pairs = secret.windows(2);
    // All steps of the same size, such as 0, 8, 16, ..
    let mut steps = pairs.clone().map(|pair| pair[1].wrapping_sub(pair[0]));
    let first_step = steps.next();
    let (count, neighbours) = (pairs.len(), pairs.filter(|pair| are_neighbours(pair[0], pair[1])).count());
    steps.all(|step| Some(step) == first_step) || neighbours * 100 >= count * SEQUENTIAL_PERCENT
}

/// Whether two characters are next to each other in the alphabet or on a keyboard, in either direction.
fn are_neighbours(a: u8, b: u8) -> bool {
    let (a, b) = (a.to_ascii_lowercase(), b.to_ascii_lowercase());
    let are_on_keyboard = |row: &[u8]| row.windows(2).any(|keys| keys == [a, b] || keys == [b, a]);
    a.abs_diff(b) == 1 || KEYBOARD_ROWS.into_iter().any(are_on_keyboard)
}

#[cfg(test)]
mod tests {
    use base64::Engine as _;
    use base64::prelude::{BASE64_STANDARD, BASE64_URL_SAFE_NO_PAD};
    use sha2::{Digest, Sha256};

    use super::*;

    #[test]
    fn words_and_sequences_are_guessable() {
        for secret in [
            "passwordpasswordpasswordpassword1",
            "changemechangemechangemechangeme!",
            "0123456789012345678901234567890a",
            "abcdefghijklmnopqrstuvwxyz123456",
            "zyxwvutsrqponmlkjihgfedcba654321",
            "qwertyuiopasdfghjklzxcvbnm123456",
            "QwErTyUiOpAsDfGhJkLzXcVbNm1234567890",
            "mnbvcxzlkjhgfdsapoiuytrewq0987654321",
            "secret1secret2secret3secret4secret5",
            "aabbccddeeffgghhaabbccddeeffgghh",
            "aaaaaaaabbbbbbbbccccccccdddddddd",
            "abcdefghiabcdefgihabcdefghiabcdefghi",
        ] {
            assert!(is_guessable(secret.as_bytes()), "{secret}");
        }
        let steps: [u8; 32] = std::array::from_fn(|index| u8::try_from(index * 8 % 256).unwrap());
        assert!(is_guessable(&steps));
    }

    #[test]
    fn random_bytes_are_not_guessable_in_any_encoding() {
        for number in 0_u32..20_000 {
            let bytes = Sha256::digest(number.to_be_bytes());
            assert!(!is_guessable(&bytes), "{number}");
            let hex = format!("{bytes:02x}");
            for text in [
                BASE64_STANDARD.encode(bytes),
                BASE64_URL_SAFE_NO_PAD.encode(&bytes[..24]),
                hex.to_uppercase(),
                hex[..32].to_owned(),
                hex,
            ] {
                assert!(!is_guessable(text.as_bytes()), "{text}");
            }
        }
    }
}
