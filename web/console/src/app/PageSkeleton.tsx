import { texts } from '../texts';
import { Skeleton } from '../ui/Skeleton';

/** While the code of a page is loaded. */
export const PageSkeleton = () => (
  <div aria-busy aria-label={texts.common.loading} role="status">
    <Skeleton shape="title" width="short" />
    <Skeleton shape="block" />
  </div>
);
