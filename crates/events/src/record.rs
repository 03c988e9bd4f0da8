//! A record as it lies on the log: topic, key, headers, body, and a checksum that any reader can check.

use std::fmt;

use commerce::TenantId;

/// The topics. All have the same number of partitions and the tenant as the record key.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Topic {
    /// Orders, refunds, fulfilments.
    Order,
    /// Parcels and their scans.
    Shipment,
    /// Charges, settlements, payouts.
    Cod,
    /// Stock and costs.
    Inventory,
    /// What the bookkeeper posted.
    Ledger,
    /// Customers and what they and their shops ask for.
    Privacy,
    /// Authentic input that was not understood, sealed, and what of it was redriven.
    Quarantine,
    /// What people enter into the books themselves.
    Voucher,
    /// Stock that has run out, is oversold, or is there again.
    Alert,
}

impl Topic {
    /// Every topic.
    pub const ALL: [Topic; 9] = [
        Topic::Order,
        Topic::Shipment,
        Topic::Cod,
        Topic::Inventory,
        Topic::Ledger,
        Topic::Privacy,
        Topic::Quarantine,
        Topic::Voucher,
        Topic::Alert,
    ];

    /// The topic's name on the log, such as `daybook.order.v1`.
    pub const fn name(self) -> &'static str {
        match self {
            Topic::Order => "daybook.order.v1",
            Topic::Shipment => "daybook.shipment.v1",
            Topic::Cod => "daybook.cod.v1",
            Topic::Inventory => "daybook.inventory.v1",
            Topic::Ledger => "daybook.ledger.v1",
            Topic::Privacy => "daybook.privacy.v1",
            Topic::Quarantine => "daybook.quarantine.v1",
            Topic::Voucher => "daybook.voucher.v1",
            Topic::Alert => "daybook.alert.v1",
        }
    }

    /// The topic of that name.
    pub fn from_name(name: &str) -> Option<Topic> {
        Topic::ALL.into_iter().find(|topic| topic.name() == name)
    }
}

impl fmt::Display for Topic {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// Name of the header that carries the checksum: CRC-32C in eight lower-case hexadecimal digits.
pub const CHECKSUM: &str = "db_crc32c";

/// One record, before or after its stay on the log.
#[derive(Clone, PartialEq, Eq)]
pub struct Record {
    /// Where it belongs.
    pub topic: Topic,
    /// The record key; decides the partition.
    pub tenant: TenantId,
    /// CloudEvents attributes in binary mode (`ce_id`, `ce_type`, …) and the checksum. Never personal data.
    pub headers: Vec<(String, String)>,
    /// A protobuf message of the type that `ce_type` names.
    pub body: Vec<u8>,
}

/// Shows the body's length, not its bytes: there may be boxes in it, and they are personal data.
impl fmt::Debug for Record {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Record { topic, tenant, headers, body } = self;
        write!(f, "Record({topic}, {tenant}, {headers:?}, {} bytes)", body.len())
    }
}

impl Record {
    /// A record whose checksum header is set.
    pub fn sealed(topic: Topic, tenant: TenantId, headers: Vec<(String, String)>, body: Vec<u8>) -> Record {
        let mut record = Record { topic, tenant, headers, body };
        let checksum = record.checksum();
        record.headers.push((CHECKSUM.to_owned(), checksum));
        record
    }

    /// The value of a header.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(n, _)| n == name).map(|(_, value)| value.as_str())
    }

    /// True when the checksum header is there and matches topic, key, other headers and body.
    pub fn is_intact(&self) -> bool {
        self.header(CHECKSUM) == Some(self.checksum().as_str())
    }

    fn checksum(&self) -> String {
        let mut crc = 0;
        let headers = self.headers.iter().filter(|(name, _)| name != CHECKSUM);
        let texts = headers.flat_map(|(name, value)| [name.as_str(), value.as_str()]);
        for text in [self.topic.name(), self.tenant.as_str()].into_iter().chain(texts) {
            // The length keeps two neighbours from trading bytes.
            crc = crc32c::crc32c_append(crc, &(text.len() as u64).to_be_bytes());
            crc = crc32c::crc32c_append(crc, text.as_bytes());
        }
        format!("{:08x}", crc32c::crc32c_append(crc, &self.body))
    }
}
