// Node's fetch keeps no cookies; a browser does, and Ping's SDK counts on it.

/** Makes fetch keep cookies, and returns them: a Map of values by name. */
export function keepCookies() {
  const cookies = new Map();
  const bareFetch = globalThis.fetch;
  globalThis.fetch = async (url, init = {}) => {
    const headers = new Headers(init.headers);
    if (cookies.size > 0) headers.set('Cookie', [...cookies].map(([name, value]) => `${name}=${value}`).join('; '));
    const response = await bareFetch(url, { ...init, headers });
    for (const line of response.headers.getSetCookie()) {
      const [, name, value] = /^([^=]+)=([^;]*)/.exec(line);
      if (value) cookies.set(name, value);
      else cookies.delete(name);
    }
    return response;
  };
  return cookies;
}
