import { Link, useLocation, useSearch } from 'wouter';
import { useState } from 'react';

import { endedMessage } from '../app/EndedSession';
import { PageHeading } from '../app/PageHeading';
import { useSession } from '../app/session';
import { gigway } from '../data/gigway';
import { texts } from '../texts';
import { Button } from '../ui/Button';
import { Panel } from '../ui/Panel';
import { TextField } from '../ui/TextField';
import { toast } from '../ui/toasts';
import styles from './account.module.css';
import { FormError } from './FormError';
import { nextAddress, useAccountForm } from './useAccountForm';

export default function SignInPage() {
  const search = useSearch();
  const [, navigate] = useLocation();
  const { endedReason, user } = useSession();
  const [email, setEmail] = useState('');
  const [password, setPassword] = useState('');
  const next = nextAddress(search);
  const { errors, error, isSending, submit, formRef } = useAccountForm(async () => {
    const { displayName } = await gigway.session.signIn({ email, password });
    toast(texts.account.welcome(displayName));
    navigate(next, { replace: true });
  });
  const message = endedReason ? endedMessage(endedReason) : next !== '/' && !user ? texts.account.needed : undefined;
  return (
    <div className={styles.page}>
      <PageHeading title={texts.account.signInTitle} />
      {message && (
        <Panel tone={endedReason ? 'warning' : 'notice'}>
          <p role={endedReason ? 'alert' : undefined}>{message}</p>
        </Panel>
      )}
      <form ref={formRef} className={styles.form} onSubmit={submit} noValidate>
        <FormError error={error} message={errors['']} />
        <TextField
          label={texts.account.email}
          name="email"
          type="email"
          autoComplete="username"
          value={email}
          onChange={setEmail}
          error={errors.email}
        />
        <TextField
          label={texts.account.password}
          name="password"
          type="password"
          autoComplete="current-password"
          value={password}
          onChange={setPassword}
          error={errors.password}
        />
        <Button type="submit" look="main" isPending={isSending}>
          {texts.account.signIn}
        </Button>
      </form>
      <p>
        {texts.account.toSignUp} <Link href={`/sign-up${search ? `?${search}` : ''}`}>{texts.account.signUp}</Link>
      </p>
    </div>
  );
}
