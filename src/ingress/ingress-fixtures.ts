import type { EndpointSlice, Ingress, IngressBackend, Secret, Service, ServicePort } from '../api/generated/types.ts';
import { keyOf, keyText, type ObjectKey } from '../api/resource.ts';
import { certificatePairOf } from './certificates.ts';
import type { IngressView } from './ingress-model.ts';

/** Self-signed, for a hundred years: `one.example.com` and `two.example.com`, P-256; RSA of 1024 bits; signed with SHA-1. */
export const pairs = {
  one: {
    crt: `-----BEGIN CERTIFICATE-----
MIIBjzCCATWgAwIBAgIUXIYElgwTkGImkiI596NoYG+kKcYwCgYIKoZIzj0EAwIw
DjEMMAoGA1UEAwwDb25lMCAXDTI2MTEyNjEzMTUyOFoYDzIxMjYxMTAyMTMxNTI4
WjAOMQwwCgYDVQQDDANvbmUwWTATBgcqhkjOPQIBBggqhkjOPQMBBwNCAAR8tFQ8
B29yI519ganNJPzIVXIoXDtxnf9anMdeUB32Ln1lDboseQ5DELL2GD/FvEyw7E6S
efSOc6Thu+hbnODpo28wbTAdBgNVHQ4EFgQUPXErPGoFDHiW9E1xTPpUF89Eflsw
HwYDVR0jBBgwFoAUPXErPGoFDHiW9E1xTPpUF89EflswDwYDVR0TAQH/BAUwAwEB
/zAaBgNVHREEEzARgg9vbmUuZXhhbXBsZS5jb20wCgYIKoZIzj0EAwIDSAAwRQIh
ALfytlQuUDrdzzZMqedsQP2WEUh8cAPXndsfGy/KWyMlAiBKmD7k5YyDz8wxb6NI
hnFUw+KhuRyizmQjXOqgJh8xqw==
-----END CERTIFICATE-----
`,
    key: `-----BEGIN PRIVATE KEY-----
MIGHAgEAMBMGByqGSM49AgEGCCqGSM49AwEHBG0wawIBAQQgr9d44QnfMkbe/Wco
KzysAsRmd3w3Pk+1DWBDqTzyp+KhRANCAAR8tFQ8B29yI519ganNJPzIVXIoXDtx
nf9anMdeUB32Ln1lDboseQ5DELL2GD/FvEyw7E6SefSOc6Thu+hbnODp
-----END PRIVATE KEY-----
`,
  },
  two: {
    crt: `-----BEGIN CERTIFICATE-----
MIIBjzCCATWgAwIBAgIUNXSEJXXuWQ2tS2GW6qFc2uE+uoowCgYIKoZIzj0EAwIw
DjEMMAoGA1UEAwwDdHdvMCAXDTI2MTEyNjEzMTUyOFoYDzIxMjYxMTAyMTMxNTI4
WjAOMQwwCgYDVQQDDAN0d28wWTATBgcqhkjOPQIBBggqhkjOPQMBBwNCAATXgtaD
lcK9Hxc99Pt5kwlkT8DDiypZLHBRDFdwmicF8N9ynhY4FQALEOSvlAzgs9URljMw
gX7VoD6DGzwtbIeVo28wbTAdBgNVHQ4EFgQUa8gM2Iy6lnKBtYoBczlR06YqROMw
HwYDVR0jBBgwFoAUa8gM2Iy6lnKBtYoBczlR06YqROMwDwYDVR0TAQH/BAUwAwEB
/zAaBgNVHREEEzARgg90d28uZXhhbXBsZS5jb20wCgYIKoZIzj0EAwIDSAAwRQIh
ALfBtizWpQYJ8j4MXh/eijZblQqSg02RFSlpXmL2m2czAiAf0TLqg4nBED1Ppl3T
JdKMOLWY3IG1Yk5tgW9iJJXO5g==
-----END CERTIFICATE-----
`,
    key: `-----BEGIN PRIVATE KEY-----
MIGHAgEAMBMGByqGSM49AgEGCCqGSM49AwEHBG0wawIBAQQgVcpIIF/8fGDjTt2y
I2HTtDWrfGhw59bd0iM9AUChhJahRANCAATXgtaDlcK9Hxc99Pt5kwlkT8DDiypZ
LHBRDFdwmicF8N9ynhY4FQALEOSvlAzgs9URljMwgX7VoD6DGzwtbIeV
-----END PRIVATE KEY-----
`,
  },
  weak: {
    crt: `-----BEGIN CERTIFICATE-----
MIIB/DCCAWWgAwIBAgIUB7LsNRv3/grcrzF8r2vpJb7tFuswDQYJKoZIhvcNAQEL
BQAwDzENMAsGA1UEAwwEd2VhazAgFw0yNjExMjYxMzE1MjlaGA8yMTI2MTEwMjEz
MTUyOVowDzENMAsGA1UEAwwEd2VhazCBnzANBgkqhkiG9w0BAQEFAAOBjQAwgYkC
gYEA3Vc9hyEsutDzsC2govnNxCuW+Wfi1gOCsqIegBrRxYdJ/hbP5x1Ccyw+6IKE
ZbaHBPyYt52YcrawkN54qexnsnU3GhLcnw8gDsZJNHSpt1+FgPdklDNs/ym96xHr
MIsoC16FvluYljkDl9qjGyvxRvvalsoQvzYQQ4rtQjOUPbECAwEAAaNTMFEwHQYD
VR0OBBYEFHBjwr/My77y5VoKDcN+RJoIx3yJMB8GA1UdIwQYMBaAFHBjwr/My77y
5VoKDcN+RJoIx3yJMA8GA1UdEwEB/wQFMAMBAf8wDQYJKoZIhvcNAQELBQADgYEA
2lbHTmURwRuaxt65jL+dMa0AvFrG+oppIft7vja0mdB2zxQOVnvCtASzqSYrlTEz
cRXlS6kjxo06UIdLL9XPB8dzm2vMI7M64fpLJTlFqoEZ8xD6icIJpxQ6ayru/ryl
RmE5LF+N/8IhBSbKospQgm3VOG+1qX6dkEJvwPaBeZU=
-----END CERTIFICATE-----
`,
    key: `-----BEGIN PRIVATE KEY-----
MIICdgIBADANBgkqhkiG9w0BAQEFAASCAmAwggJcAgEAAoGBAN1XPYchLLrQ87At
oKL5zcQrlvln4tYDgrKiHoAa0cWHSf4Wz+cdQnMsPuiChGW2hwT8mLedmHK2sJDe
eKnsZ7J1NxoS3J8PIA7GSTR0qbdfhYD3ZJQzbP8pvesR6zCLKAtehb5bmJY5A5fa
oxsr8Ub72pbKEL82EEOK7UIzlD2xAgMBAAECgYAM8gJGOfl8v6XRAwonHgcb1xTQ
Z3QL4k6tle/EvEzSibQZKUplkP+G7uqK/L8zl7ZT41YnPw9gfjDbeDeEcLAr0vT6
YSWqCkI4UZHpmaPOKNKp/vm+gHYCUT8GDRonch79aOAp/lxBvKJL+X/qcTrcDlT7
7G53ZB8n5N7CEKe7VQJBAPYtWuzj1HHoV44/A3ZKulDot4jqVmkuBRCX28hopE5A
T/efmftlY+rfI6M15vO9dsN1vCvcKsIy0hPSMHB3fosCQQDmLC/g+fssqWr152Ic
7t05TVIazxj51P+f56jTR974awCrpxpBdelhLMMKWgoiE0Svvf/bsQTAXjXSS4/l
2xgzAkEAmy8yLzzbskaV0wy0AQDQfKqG8B9RA5LIDJK+MJKOaOmvv1hz9/8NQoUR
cRRMl3/q+wIf8cIjjjH9LhOFB5C8SwJAEgGs8TW9P541Xu1uEINjTSNOZAiFlK3k
HZda7sR1nguI7uTQugRGcLK2w22N02Kcgf8kMASmMYJtRXlh1YKRXwJAK1iLmjbM
ggdubedTyV+y/lwYqn75FF5xLTIz9IKYg3/hQ0gw0WwSPsCNm5fbHIAGW6rjInR1
znYPSy47tC7qMA==
-----END PRIVATE KEY-----
`,
  },
  sha1: {
    crt: `-----BEGIN CERTIFICATE-----
MIIBczCCARqgAwIBAgIUKc9lguPuwGxnJlZhhT8K5+y0gEUwCQYHKoZIzj0EATAP
MQ0wCwYDVQQDDARzaGExMCAXDTI2MTEyNjEzMTUyOVoYDzIxMjYxMTAyMTMxNTI5
WjAPMQ0wCwYDVQQDDARzaGExMFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAE1Br2
udeDr3hK/vBea7c3UVphcH576ulWyQq8x70pFBWG/hoe7zEnldMvf2qt4K/VjYqp
ulMCleS1itqb7aPhP6NTMFEwHQYDVR0OBBYEFI93C93lPlm9LYCkR+bWkEJFHdNG
MB8GA1UdIwQYMBaAFI93C93lPlm9LYCkR+bWkEJFHdNGMA8GA1UdEwEB/wQFMAMB
Af8wCQYHKoZIzj0EAQNIADBFAiAw8Jhig5Zc4AcrYEFjILEPrWX5Wfuu7FjGbyQI
irY2vwIhANWyVgGTjIBOw7F1XE596so87ELh/RjU1W5MNHzL/K5s
-----END CERTIFICATE-----
`,
    key: `-----BEGIN PRIVATE KEY-----
MIGHAgEAMBMGByqGSM49AgEGCCqGSM49AwEHBG0wawIBAQQg3+FmJai3rXqzRL1a
R+vFiKAPOHS3fJt9goO3ZhpBS2GhRANCAATUGva514OveEr+8F5rtzdRWmFwfnvq
6VbJCrzHvSkUFYb+Gh7vMSeV0y9/aq3gr9WNiqm6UwKV5LWK2pvto+E/
-----END PRIVATE KEY-----
`,
  },
};

const base64 = (text: string): string => Buffer.from(text).toString('base64');

export const tlsSecret = (name: string, { crt, key }: { crt: string; key: string }, namespace = 'default'): Secret => ({
  metadata: { namespace, name },
  type: 'kubernetes.io/tls',
  data: { 'tls.crt': base64(crt), 'tls.key': base64(key) },
});

export const service = (name: string, ports: ServicePort[], more: Partial<Service['spec']> = {}): Service => ({
  metadata: { namespace: 'default', name },
  spec: { clusterIP: '127.0.0.1', ports, ...more },
  status: {},
});

export const slice = (of: string, port: number, endpoints: EndpointSlice['endpoints']): EndpointSlice => ({
  metadata: { namespace: 'default', name: `${of}-1`, labels: { 'kubernetes.io/service-name': of } },
  addressType: 'IPv4',
  endpoints,
  ports: [{ port }],
});

export const to = (name: string, number = 80): IngressBackend => ({ service: { name, port: { number } } });

let age = 0;
/** Each is younger than the one before. */
export const ingress = (name: string, spec: Ingress['spec']): Ingress => ({
  metadata: {
    namespace: 'default',
    name,
    uid: name,
    creationTimestamp: `2026-01-01T00:00:${String(age++ % 60).padStart(2, '0')}Z`,
  },
  spec,
  status: {},
});

/** What an informer would know. */
export function viewOf(objects: { services?: Service[]; slices?: EndpointSlice[]; secrets?: Secret[] }): IngressView {
  const { services = [], slices = [], secrets = [] } = objects;
  const find = <T extends Service | Secret>(list: T[], key: ObjectKey) =>
    list.find((o) => keyText(keyOf(o)) === keyText(key));
  return {
    service: (key) => find(services, key),
    certificate: (key) => {
      const secret = find(secrets, key);
      return secret ? certificatePairOf(secret) : { problem: `secret "${keyText(key)}" not found` };
    },
    slicesOf: ({ name }) => slices.filter(({ metadata }) => metadata.labels?.['kubernetes.io/service-name'] === name),
  };
}
