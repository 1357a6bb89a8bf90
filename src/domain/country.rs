//! The countries of ISO 3166-1, and Kosovo.

/// A country, as it is entered in forms.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Country {
    /// Two capital letters: ISO 3166-1 alpha-2, or XK.
    pub code: &'static str,
    /// The short English name.
    pub name: &'static str,
    /// Whether addresses have postal codes.
    pub has_postal_code: bool,
}

/// All countries, by name: accents and case do not matter, so Åland Islands follows Afghanistan.
///
/// The names are those of ISO 3166-1, shortened where a shorter one is usual, such as Iran. XK is the code that the
/// European Union and many others use for Kosovo, which has none in ISO 3166-1.
///
/// `without` marks a country without postal codes. Sources: the addressing guides of the Universal Postal Union, as
/// summarized by Wikipedia ("List of postal codes") and `geopostcodes.com` ("Countries without zip codes"). If a code
/// is new, suspended or little used, as in the Democratic Republic of the Congo, Jamaica and Malawi, it is `without`,
/// since a person cannot enter a code that they do not have.
pub const COUNTRIES: [Country; 250] = [
    with("AF", "Afghanistan"),
    with("AX", "Åland Islands"),
    with("AL", "Albania"),
    with("DZ", "Algeria"),
    with("AS", "American Samoa"),
    with("AD", "Andorra"),
    without("AO", "Angola"),
    with("AI", "Anguilla"),
    without("AQ", "Antarctica"),
    without("AG", "Antigua and Barbuda"),
    with("AR", "Argentina"),
    with("AM", "Armenia"),
    without("AW", "Aruba"),
    with("AU", "Australia"),
    with("AT", "Austria"),
    with("AZ", "Azerbaijan"),
    without("BS", "Bahamas"),
    with("BH", "Bahrain"),
    with("BD", "Bangladesh"),
    with("BB", "Barbados"),
    with("BY", "Belarus"),
    with("BE", "Belgium"),
    without("BZ", "Belize"),
    without("BJ", "Benin"),
    with("BM", "Bermuda"),
    with("BT", "Bhutan"),
    without("BO", "Bolivia"),
    without("BQ", "Bonaire, Sint Eustatius and Saba"),
    with("BA", "Bosnia and Herzegovina"),
    without("BW", "Botswana"),
    without("BV", "Bouvet Island"),
    with("BR", "Brazil"),
    with("IO", "British Indian Ocean Territory"),
    with("BN", "Brunei"),
    with("BG", "Bulgaria"),
    without("BF", "Burkina Faso"),
    without("BI", "Burundi"),
    with("KH", "Cambodia"),
    without("CM", "Cameroon"),
    with("CA", "Canada"),
    with("CV", "Cape Verde"),
    with("KY", "Cayman Islands"),
    without("CF", "Central African Republic"),
    without("TD", "Chad"),
    with("CL", "Chile"),
    with("CN", "China"),
    with("CX", "Christmas Island"),
    with("CC", "Cocos (Keeling) Islands"),
    with("CO", "Colombia"),
    without("KM", "Comoros"),
    without("CG", "Congo"),
    without("CD", "Congo, Democratic Republic of the"),
    without("CK", "Cook Islands"),
    with("CR", "Costa Rica"),
    without("CI", "Côte d'Ivoire"),
    with("HR", "Croatia"),
    with("CU", "Cuba"),
    without("CW", "Curaçao"),
    with("CY", "Cyprus"),
    with("CZ", "Czechia"),
    with("DK", "Denmark"),
    without("DJ", "Djibouti"),
    without("DM", "Dominica"),
    with("DO", "Dominican Republic"),
    with("EC", "Ecuador"),
    with("EG", "Egypt"),
    with("SV", "El Salvador"),
    without("GQ", "Equatorial Guinea"),
    without("ER", "Eritrea"),
    with("EE", "Estonia"),
    with("SZ", "Eswatini"),
    with("ET", "Ethiopia"),
    with("FK", "Falkland Islands"),
    with("FO", "Faroe Islands"),
    without("FJ", "Fiji"),
    with("FI", "Finland"),
    with("FR", "France"),
    with("GF", "French Guiana"),
    with("PF", "French Polynesia"),
    without("TF", "French Southern Territories"),
    without("GA", "Gabon"),
    without("GM", "Gambia"),
    with("GE", "Georgia"),
    with("DE", "Germany"),
    without("GH", "Ghana"),
    with("GI", "Gibraltar"),
    with("GR", "Greece"),
    with("GL", "Greenland"),
    without("GD", "Grenada"),
    with("GP", "Guadeloupe"),
    with("GU", "Guam"),
    with("GT", "Guatemala"),
    with("GG", "Guernsey"),
    with("GN", "Guinea"),
    with("GW", "Guinea-Bissau"),
    without("GY", "Guyana"),
    with("HT", "Haiti"),
    with("HM", "Heard Island and McDonald Islands"),
    with("HN", "Honduras"),
    without("HK", "Hong Kong"),
    with("HU", "Hungary"),
    with("IS", "Iceland"),
    with("IN", "India"),
    with("ID", "Indonesia"),
    with("IR", "Iran"),
    with("IQ", "Iraq"),
    with("IE", "Ireland"),
    with("IM", "Isle of Man"),
    with("IL", "Israel"),
    with("IT", "Italy"),
    without("JM", "Jamaica"),
    with("JP", "Japan"),
    with("JE", "Jersey"),
    with("JO", "Jordan"),
    with("KZ", "Kazakhstan"),
    with("KE", "Kenya"),
    without("KI", "Kiribati"),
    with("XK", "Kosovo"),
    with("KW", "Kuwait"),
    with("KG", "Kyrgyzstan"),
    with("LA", "Laos"),
    with("LV", "Latvia"),
    with("LB", "Lebanon"),
    with("LS", "Lesotho"),
    with("LR", "Liberia"),
    without("LY", "Libya"),
    with("LI", "Liechtenstein"),
    with("LT", "Lithuania"),
    with("LU", "Luxembourg"),
    without("MO", "Macao"),
    with("MG", "Madagascar"),
    without("MW", "Malawi"),
    with("MY", "Malaysia"),
    with("MV", "Maldives"),
    without("ML", "Mali"),
    with("MT", "Malta"),
    with("MH", "Marshall Islands"),
    with("MQ", "Martinique"),
    without("MR", "Mauritania"),
    with("MU", "Mauritius"),
    with("YT", "Mayotte"),
    with("MX", "Mexico"),
    with("FM", "Micronesia"),
    with("MD", "Moldova"),
    with("MC", "Monaco"),
    with("MN", "Mongolia"),
    with("ME", "Montenegro"),
    with("MS", "Montserrat"),
    with("MA", "Morocco"),
    with("MZ", "Mozambique"),
    with("MM", "Myanmar"),
    with("NA", "Namibia"),
    without("NR", "Nauru"),
    with("NP", "Nepal"),
    with("NL", "Netherlands"),
    with("NC", "New Caledonia"),
    with("NZ", "New Zealand"),
    with("NI", "Nicaragua"),
    with("NE", "Niger"),
    with("NG", "Nigeria"),
    without("NU", "Niue"),
    with("NF", "Norfolk Island"),
    without("KP", "North Korea"),
    with("MK", "North Macedonia"),
    with("MP", "Northern Mariana Islands"),
    with("NO", "Norway"),
    with("OM", "Oman"),
    with("PK", "Pakistan"),
    with("PW", "Palau"),
    with("PS", "Palestine"),
    without("PA", "Panama"),
    with("PG", "Papua New Guinea"),
    with("PY", "Paraguay"),
    with("PE", "Peru"),
    with("PH", "Philippines"),
    with("PN", "Pitcairn"),
    with("PL", "Poland"),
    with("PT", "Portugal"),
    with("PR", "Puerto Rico"),
    without("QA", "Qatar"),
    with("RE", "Réunion"),
    with("RO", "Romania"),
    with("RU", "Russia"),
    without("RW", "Rwanda"),
    with("BL", "Saint Barthélemy"),
    with("SH", "Saint Helena, Ascension and Tristan da Cunha"),
    without("KN", "Saint Kitts and Nevis"),
    with("LC", "Saint Lucia"),
    with("MF", "Saint Martin"),
    with("PM", "Saint Pierre and Miquelon"),
    with("VC", "Saint Vincent and the Grenadines"),
    with("WS", "Samoa"),
    with("SM", "San Marino"),
    without("ST", "Sao Tome and Principe"),
    with("SA", "Saudi Arabia"),
    with("SN", "Senegal"),
    with("RS", "Serbia"),
    without("SC", "Seychelles"),
    without("SL", "Sierra Leone"),
    with("SG", "Singapore"),
    without("SX", "Sint Maarten"),
    with("SK", "Slovakia"),
    with("SI", "Slovenia"),
    without("SB", "Solomon Islands"),
    without("SO", "Somalia"),
    with("ZA", "South Africa"),
    with("GS", "South Georgia and the South Sandwich Islands"),
    with("KR", "South Korea"),
    without("SS", "South Sudan"),
    with("ES", "Spain"),
    with("LK", "Sri Lanka"),
    with("SD", "Sudan"),
    without("SR", "Suriname"),
    with("SJ", "Svalbard and Jan Mayen"),
    with("SE", "Sweden"),
    with("CH", "Switzerland"),
    without("SY", "Syria"),
    with("TW", "Taiwan"),
    with("TJ", "Tajikistan"),
    with("TZ", "Tanzania"),
    with("TH", "Thailand"),
    without("TL", "Timor-Leste"),
    without("TG", "Togo"),
    without("TK", "Tokelau"),
    without("TO", "Tonga"),
    with("TT", "Trinidad and Tobago"),
    with("TN", "Tunisia"),
    with("TR", "Türkiye"),
    with("TM", "Turkmenistan"),
    with("TC", "Turks and Caicos Islands"),
    without("TV", "Tuvalu"),
    without("UG", "Uganda"),
    with("UA", "Ukraine"),
    without("AE", "United Arab Emirates"),
    with("GB", "United Kingdom"),
    with("US", "United States"),
    with("UM", "United States Minor Outlying Islands"),
    with("UY", "Uruguay"),
    with("UZ", "Uzbekistan"),
    without("VU", "Vanuatu"),
    with("VA", "Vatican City"),
    with("VE", "Venezuela"),
    with("VN", "Vietnam"),
    with("VG", "Virgin Islands, British"),
    with("VI", "Virgin Islands, U.S."),
    with("WF", "Wallis and Futuna"),
    with("EH", "Western Sahara"),
    without("YE", "Yemen"),
    with("ZM", "Zambia"),
    without("ZW", "Zimbabwe"),
];

const fn with(code: &'static str, name: &'static str) -> Country {
    Country { code, name, has_postal_code: true }
}

const fn without(code: &'static str, name: &'static str) -> Country {
    Country { code, name, has_postal_code: false }
}

/// The country with this code, in capital letters.
pub fn find_country(code: &str) -> Option<&'static Country> {
    COUNTRIES.iter().find(|country| country.code == code)
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use unicode_normalization::UnicodeNormalization;
    use unicode_normalization::char::is_combining_mark;

    use super::*;

    #[test]
    fn the_countries_are_the_249_of_iso_3166_and_kosovo() {
        let codes: HashSet<_> = COUNTRIES.iter().map(|country| country.code).collect();
        assert_eq!(codes.len(), COUNTRIES.len());
        assert!(
            codes.iter().all(|code| code.len() == 2 && code.bytes().all(|byte| byte.is_ascii_uppercase()))
        );
        for code in ["DE", "GB", "ZW", "AD", "XK"] {
            assert!(find_country(code).is_some(), "{code}");
        }
        for code in ["ZZ", "de", "UK", "", "D", "DE AT", " DE", "EU", "AN"] {
            assert_eq!(find_country(code), None, "{code}");
        }
    }

    #[test]
    fn countries_are_sorted_by_name_without_regard_to_accents_and_case() {
        let key = |country: &Country| -> String {
            country.name.nfd().filter(|c| !is_combining_mark(*c)).collect::<String>().to_lowercase()
        };
        assert!(COUNTRIES.iter().map(key).is_sorted());
        assert!(COUNTRIES.iter().map(key).collect::<HashSet<_>>().len() == COUNTRIES.len());
        assert_eq!(COUNTRIES.map(|country| country.name)[..3], ["Afghanistan", "Åland Islands", "Albania"]);
    }

    #[test]
    fn some_sixty_countries_have_no_postal_codes() {
        let without = COUNTRIES.iter().filter(|country| !country.has_postal_code).count();
        assert_eq!(without, 67);
        for code in ["HK", "AE", "PA", "MO", "QA", "AO", "BO", "FJ"] {
            assert!(find_country(code).is_some_and(|country| !country.has_postal_code), "{code}");
        }
        for code in ["DE", "US", "IE", "XK", "SG", "IN", "SA", "AX"] {
            assert!(find_country(code).is_some_and(|country| country.has_postal_code), "{code}");
        }
    }
}
