import { useState } from 'react';
import { useQuery } from 'urql';
import { Link, useLocation, useSearch } from 'wouter';

import { PageHeading } from '../app/PageHeading';
import { gigway } from '../data/gigway';
import { texts } from '../texts';
import { Button } from '../ui/Button';
import { TextField } from '../ui/TextField';
import { toast } from '../ui/toasts';
import { AccountLimitsDocument } from './account.generated';
import styles from './account.module.css';
import { FormError } from './FormError';
import { nextAddress, useAccountForm } from './useAccountForm';

export default function SignUpPage() {
  const search = useSearch();
  const [, navigate] = useLocation();
  const [{ data }] = useQuery({ query: AccountLimitsDocument });
  const limits = data?.limits.account;
  const [displayName, setDisplayName] = useState('');
  const [email, setEmail] = useState('');
  const [password, setPassword] = useState('');
  const { errors, error, isSending, submit, formRef } = useAccountForm(async () => {
    const user = await gigway.session.signUp({ email, password, displayName });
    toast(texts.account.welcome(user.displayName));
    navigate(nextAddress(search), { replace: true });
  });
  return (
    <div className={styles.page}>
      <PageHeading title={texts.account.signUpTitle} />
      <form ref={formRef} className={styles.form} onSubmit={submit} noValidate>
        <FormError error={error} message={errors['']} />
        <TextField
          label={texts.account.displayName}
          name="displayName"
          hint={texts.account.displayNameHint}
          autoComplete="nickname"
          value={displayName}
          onChange={setDisplayName}
          error={errors.displayName}
          maxChars={limits?.displayNameMaxChars}
        />
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
          hint={limits ? texts.account.passwordHint(limits.passwordMinChars) : '\u00a0'}
          autoComplete="new-password"
          value={password}
          onChange={setPassword}
          error={errors.password}
        />
        <Button type="submit" look="main" isPending={isSending}>
          {texts.account.signUp}
        </Button>
      </form>
      <p>
        {texts.account.toSignIn} <Link href={`/sign-in${search ? `?${search}` : ''}`}>{texts.account.signIn}</Link>
      </p>
    </div>
  );
}
