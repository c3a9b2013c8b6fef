interface HookList {
  readonly hooks: readonly { readonly id: string }[];
}

/**
 * Takes away the hooks that the token's owner has left from earlier days: nobody listens at their targets any more.
 * @param url of the gateway's hooks: `http://127.0.0.1:8080/realtime/hooks`
 */
export async function forgetHooks(url: string, token: string): Promise<void> {
  const headers = { authorization: `Bearer ${token}` };
  const response = await fetch(url, { headers });
  const { hooks = [] } = (await response.json()) as Partial<HookList>;
  await Promise.all(hooks.map(({ id }) => fetch(`${url}/${id}`, { method: "DELETE", headers })));
}
