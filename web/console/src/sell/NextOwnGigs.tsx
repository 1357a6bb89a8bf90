import { useState } from 'react';
import { useQuery } from 'urql';

import { More } from '../ui/More';
import { ErrorState } from '../ui/ErrorState';
import { OwnGigRow, OwnGigSkeleton } from './OwnGigRow';
import { OwnGigsDocument } from './sell.generated';
import { PAGE_SIZE, statusesOf, type TabId } from './statuses';

interface NextOwnGigsProps {
  tab: TabId;
  after: string;
  changed: string | undefined;
  onDone: () => void;
}

/** The pages after the first one, each when the end of the one before comes near. */
export function NextOwnGigs(props: NextOwnGigsProps) {
  const [isWanted, setIsWanted] = useState(false);
  return isWanted ? (
    <Page {...props} />
  ) : (
    <li>
      <More onMore={() => setIsWanted(true)} />
    </li>
  );
}

function Page({ tab, after, changed, onDone }: NextOwnGigsProps) {
  const variables = { status: statusesOf(tab), first: PAGE_SIZE, after };
  const [{ data, error }, reload] = useQuery({ query: OwnGigsDocument, variables });
  if (!data && error) {
    return (
      <li>
        <ErrorState error={error} onRetry={() => reload({ requestPolicy: 'network-only' })} />
      </li>
    );
  }
  const list = data?.viewer?.gigs;
  if (!list) return <OwnGigSkeleton />;
  const { endCursor, hasNextPage } = list.pageInfo;
  return (
    <>
      {list.edges.map(({ node }) => (
        <OwnGigRow key={node.id} gig={node} isChanged={changed === `${node.id} ${node.version}`} onDone={onDone} />
      ))}
      {hasNextPage && endCursor && <NextOwnGigs key={endCursor} tab={tab} after={endCursor} changed={changed} onDone={onDone} />}
    </>
  );
}
