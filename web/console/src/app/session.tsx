// Who is signed in, and why nobody is any more.

import type { SessionUser } from 'gigway-client';
import { createContext, useContext, useEffect, useMemo, useState, useSyncExternalStore, type ReactNode } from 'react';

import { gigway, onSignedOut } from '../data/gigway';

interface SessionState {
  user: SessionUser | null;
  /** The reason, if the session of this page has ended other than by the button "Sign out". */
  endedReason: string | undefined;
  forgetReason: () => void;
}

const SessionContext = createContext<SessionState>({ user: null, endedReason: undefined, forgetReason: () => {} });

export const useSession = (): SessionState => useContext(SessionContext);

export function SessionProvider({ children }: { children: ReactNode }) {
  const user = useSyncExternalStore((listener) => gigway.session.onChange(listener), () => gigway.session.user);
  const [endedReason, setEndedReason] = useState<string>();
  useEffect(() => onSignedOut((reason) => setEndedReason(reason === 'SIGNED_OUT' ? undefined : reason)), []);
  const isSignedIn = user !== null;
  const state = useMemo(
    () => ({ user, endedReason: isSignedIn ? undefined : endedReason, forgetReason: () => setEndedReason(undefined) }),
    [user, isSignedIn, endedReason],
  );
  return <SessionContext value={state}>{children}</SessionContext>;
}
