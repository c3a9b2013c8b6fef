/** A certificate of an ES256 key that nobody has any more; its dates are over. */
export const CERTIFICATE = `-----BEGIN CERTIFICATE-----
MIIBEjCBugIBATAKBggqhkjOPQQDAjAWMRQwEgYDVQQDDAtTbHVpY2UgdGVzdDAe
Fw0yMDAxMDEwMDAwMDBaFw0yMDAxMDIwMDAwMDBaMBYxFDASBgNVBAMMC1NsdWlj
ZSB0ZXN0MFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAEQ6sxpqb/vgSLf3nJqva2
45OcfuAk8u+aZohj3NX+CarEUd4hcw2dXzmk7AuPwTpiW/TyOgdBkALPLIPrHzuJ
kzAKBggqhkjOPQQDAgNHADBEAiBIV209ue2xAVTIq6AlkUpQKz4u5KMPsBik9sbR
R9JZcQIga6r6cqp4uOOcqgi7MtB1gvWqwpIAeytY+y0gcYJI16Q=
-----END CERTIFICATE-----
`;

/** What its key signed: subject `ann`, who may read `orders/*`. */
export const CERTIFIED_TOKEN =
  "eyJhbGciOiJFUzI1NiJ9.eyJzdWIiOiJhbm4iLCJzbHVpY2UiOnsicmVhZCI6WyJvcmRlcnMvKiJdfX0.MFxUr8h4w2fvS1w_B2zFtmhrCMRwyD5tKD67OUnj9rWwCzNBokA7ifaEF_rGzL-B8S_DftnCP9zqycVwiKchXg";
