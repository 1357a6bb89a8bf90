import { Link } from 'wouter';

import { texts } from '../texts';
import styles from './GigPage.module.css';
import type { FullGig } from './useGig';

/** The description, the tags and the links of a gig. */
export const GigText = ({ gig }: { gig: FullGig }) => (
  <div className={styles.text}>
    <h2>{texts.gig.description}</h2>
    <p className={styles.description} dir="auto">
      {gig.description}
    </p>
    {gig.tags.length > 0 && (
      <ul className={styles.tags} aria-label={texts.browse.tags}>
        {gig.tags.map((tag) => (
          <li key={tag}>
            <Link href={`/?tag=${encodeURIComponent(tag.toLowerCase())}`} dir="auto">
              {tag}
            </Link>
          </li>
        ))}
      </ul>
    )}
    {gig.links.length > 0 && (
      <>
        <h2>{texts.gig.links}</h2>
        <ul className={styles.links}>
          {gig.links.map((link) => (
            <li key={link}>
              <a href={link} rel="noopener noreferrer nofollow ugc" target="_blank" dir="ltr">
                {link.replace(/^https:\/\//, '').replace(/\/$/, '')}
              </a>
            </li>
          ))}
        </ul>
      </>
    )}
  </div>
);
