import { Suspense, useEffect, useMemo, type ReactNode } from 'react';
import { Provider } from 'urql';
import { Redirect, Route, Switch, useLocation, useSearch } from 'wouter';

import { createDataClient } from '../data/urql';
import { texts } from '../texts';
import { ButtonLink } from '../ui/Button';
import { ConnectionBar } from '../ui/ConnectionBar';
import { EmptyState } from '../ui/EmptyState';
import { Toasts } from '../ui/toasts';
import { ErrorBoundary } from './ErrorBoundary';
import type { Feature } from './feature';
import { features } from './features';
import { PageHeading } from './PageHeading';
import { PageSkeleton } from './PageSkeleton';
import { useScrollPositions } from './scroll';
import { SessionProvider, useSession } from './session';
import { Shell } from './Shell';

const rules = features.flatMap(({ cache }) => (cache ? [cache] : []));
const routes = features.flatMap((feature) => feature.routes);

export const App = () => (
  <SessionProvider>
    <Data>
      <ConnectionBar />
      <Shell features={features}>
        <Pages />
      </Shell>
      <Toasts />
    </Data>
  </SessionProvider>
);

/** The data of one user: another user starts with an empty cache. */
function Data({ children }: { children: ReactNode }) {
  const { user } = useSession();
  const userId = user?.id;
  const client = useMemo(() => createDataClient(rules), [userId]); // another user, another client
  return <Provider value={client}>{children}</Provider>;
}

function Pages() {
  const [path] = useLocation();
  const search = useSearch();
  const { user } = useSession();
  useScrollPositions(search ? `${path}?${search}` : path);
  return (
    <ErrorBoundary resetKey={path}>
      <Suspense fallback={<PageSkeleton />}>
        <Switch key={user?.id}>
          {routes.map((route) => (
            <Route key={route.path} path={route.path}>
              {(params) => <Guarded route={route} params={params} />}
            </Route>
          ))}
          <Route>
            <NotFound />
          </Route>
        </Switch>
      </Suspense>
    </ErrorBoundary>
  );
}

type RouteOf = Feature['routes'][number];

function Guarded({ route, params }: { route: RouteOf; params: Record<string, string | undefined> }) {
  const { user } = useSession();
  const search = useSearch();
  const { path, page: Page, roles } = route;
  if (roles && !user) {
    const here = search ? `${path}?${search}` : path;
    return <Redirect to={`/sign-in?next=${encodeURIComponent(here)}`} replace />;
  }
  if (roles && user && !roles.includes(user.role)) return <NoPermission />;
  return <Page params={params} />;
}

const toBrowse = <ButtonLink href="/">{texts.app.toBrowse}</ButtonLink>;

const NotFound = () => (
  <>
    <PageHeading title={texts.app.notFound} />
    <EmptyState title={texts.app.notFoundHint} action={toBrowse} />
  </>
);

function NoPermission() {
  useEffect(() => {
    document.title = texts.product;
  }, []);
  return <EmptyState title={texts.errors.forbidden} action={toBrowse} />;
}
