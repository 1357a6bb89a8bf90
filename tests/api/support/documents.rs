//! Operations that many tests use.

pub const SIGN_UP: &str = "mutation($input: SignUpInput!) { signUp(input: $input) {
    session { accessToken accessTokenExpiresAt accessTokenExpiresIn refreshToken viewer { email role user { id displayName } } }
    errors { code field message } } }";

pub const SIGN_IN: &str = "mutation($input: SignInInput!) { signIn(input: $input) {
    session { accessToken refreshToken viewer { user { id } } } errors { code field message } } }";

pub const REFRESH: &str = "mutation($token: String!) { refreshSession(refreshToken: $token) {
    session { accessToken refreshToken } errors { code field message } } }";

pub const SIGN_OUT: &str = "mutation($everywhere: Boolean) { signOut(everywhere: $everywhere) {
    sessionsEnded errors { code field message } } }";

pub const SAVE_DRAFT: &str = "mutation($input: SaveGigDraftInput!) { saveGigDraft(input: $input) {
    gig { id status version title description price { amount currencyCode } category { name } tags links
          deliveryDays revisions images { id } } errors { code field message } } }";

pub const POST_GIG: &str = "mutation($input: PostGigInput!) { postGig(input: $input) {
    gig { id status version title submittedAt publishedAt reviewDueAt images { id url } links tags }
    errors { code field message } } }";

pub const EDIT_GIG: &str = "mutation($input: EditGigInput!) { editGig(input: $input) {
    gig { id status version title } errors { code field message } } }";

pub const PAUSE_GIG: &str = "mutation($id: ID!) { pauseGig(id: $id) {
    gig { id status version } errors { code field message } } }";

pub const RESUME_GIG: &str = "mutation($id: ID!) { resumeGig(id: $id) {
    gig { id status version } errors { code field message } } }";

pub const ARCHIVE_GIG: &str = "mutation($id: ID!) { archiveGig(id: $id) {
    gig { id status version } errors { code field message } } }";

pub const CLAIM: &str = "mutation($id: ID!) { claimReview(id: $id) {
    item { id state claimedBy { id } claimExpiresAt } errors { code field message } } }";

pub const RELEASE: &str = "mutation($id: ID!) { releaseReview(id: $id) {
    item { id state claimedBy { id } claimExpiresAt } errors { code field message } } }";

pub const DECIDE_GIG: &str = "mutation($input: DecideGigInput!) { decideGig(input: $input) {
    gig { id status version publishedAt reviewReasons { code category message field retryable } }
    errors { code field message } } }";

pub const GIG: &str = "query($id: ID!) { gig(id: $id) {
    id status version title reviewDueAt reviewReasons { code message } images { id url } } }";

pub const QUEUE: &str =
    "query($state: ReviewState) { reviewQueue(state: $state, first: 100) { totalCount nodes {
    id kind state dueAt submittedAt overdue claimedBy { id } claimExpiresAt
    subject { ... on Gig { id title status version } } } } }";

pub const GIG_STATUS_CHANGED: &str = "subscription($id: ID, $after: String) {
    gigStatusChanged(gigId: $id, after: $after) {
        cursor delivery occurredAt gigId version previousStatus status reasons { code message }
        gig { title status version } } }";

pub const GIG_PUBLISHED: &str = "subscription($where: GigFilter, $after: String) {
    gigPublished(where: $where, after: $after) {
        cursor delivery occurredAt gigId gig { title seller { displayName } } } }";

pub const CATALOGUE_CHANGED: &str = "subscription($where: GigFilter, $gigIds: [ID!], $after: String) {
    catalogueChanged(where: $where, gigIds: $gigIds, after: $after) {
        cursor delivery occurredAt change gigId
        gig { id title status version price { amount } seller { displayName level verified } } } }";

pub const QUEUE_CHANGED: &str = "subscription($kind: ReviewKind, $after: String) {
    reviewQueueChanged(kind: $kind, after: $after) {
        cursor delivery change kind itemId openCount overdueCount item { state claimedBy { id } } } }";

/// The introspection query of common tools, with the same depth.
pub fn introspection() -> String {
    let wrapped = (0..9).fold("kind name".to_owned(), |inner, _| format!("kind name ofType {{ {inner} }}"));
    format!(
        "query Introspection {{ __schema {{ description queryType {{ name }} mutationType {{ name }}
            subscriptionType {{ name }} types {{ ...T }} directives {{ name locations args {{ ...I }} }} }} }}
         fragment T on __Type {{ kind name description
            fields(includeDeprecated: true) {{ name args {{ ...I }} type {{ ...W }} isDeprecated }}
            inputFields {{ ...I }} interfaces {{ ...W }} enumValues {{ name }} possibleTypes {{ ...W }} }}
         fragment I on __InputValue {{ name description type {{ ...W }} defaultValue }}
         fragment W on __Type {{ {wrapped} }}"
    )
}
